package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestParseUses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"one":     {"go 1.26.0\n\nuse ./core\n", []string{"core"}},
		"block":   {"go 1.26.0\nuse (\n\t./core // the core\n\t./builders/direct\n)\n", []string{"core", "builders/direct"}},
		"quoted":  {"use \"./core\"\n", []string{"core"}},
		"replace": {"use ./core\nreplace (\n\texample.org/a => ./a\n)\nreplace example.org/b => ./b\n", []string{"core"}},
		"comment": {"// use ./gone\nuse ./core\n", []string{"core"}},
		"none":    {"go 1.26.0\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := parseUses(c.text); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestFindRoot(t *testing.T) {
	t.Parallel()
	root := workspace(t, map[string]string{"core/deep/down/x.txt": ""})
	for _, from := range []string{"", "core", "core/deep/down"} {
		got, err := findRoot(filepath.Join(root, from))
		if err != nil || got != root {
			t.Errorf("from %q: %q, %v; want %q", from, got, err, root)
		}
	}
}

func TestReadWorkspaceNeedsModules(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if _, err := readWorkspace(root); err == nil {
		t.Error("no error without go.work")
	}
	if err := os.WriteFile(filepath.Join(root, "go.work"), []byte("go 1.26.0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readWorkspace(root); err == nil {
		t.Error("no error for a workspace without modules")
	}
}

// workspace writes files below a new root that has a go.work with core and emulator.
func workspace(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	all := map[string]string{
		"go.work":         "go 1.26.0\n\nuse (\n\t./core\n\t./emulator\n)\n",
		"core/go.mod":     "module example.org/core\n",
		"emulator/go.mod": "module example.org/emulator\n",
	}
	maps.Copy(all, files)
	for name, text := range all {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
