package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// tree is a repository of the same kind as this one, with its mistakes still to come.
var tree = map[string]string{
	"versions.yaml": "# The version of all.\nversion: v0.2.0\nprefix: rehearsal.test/all\nmodules:\n  - base\n  - top\n  - top/below\nprivate:\n  - tests # not tagged\n",
	"go.work":       "go 1.26.0\n\nuse (\n\t./base\n\t./tests\n\t./top\n\t./top/below\n)\n",

	"base/go.mod":               "module rehearsal.test/all/base\n\ngo 1.26.0\n",
	"base/base.go":              "package base\n\nimport _ \"rehearsal.test/all/base/internal/deep\"\n\nconst X = 1\n",
	"base/internal/deep/go.go":  "package deep\n",
	"top/go.mod":                "module rehearsal.test/all/top\n\ngo 1.26.0\n\nrequire rehearsal.test/all/base v0.2.0\n\nreplace rehearsal.test/all/base => ../base\n",
	"top/top.go":                "package top\n\nimport \"rehearsal.test/all/base\"\n\nconst Y = base.X\n",
	"top/cmd/tool/main.go":      "package main\n\nimport \"rehearsal.test/all/top\"\n\nfunc main() { println(top.Y) }\n",
	"top/below/go.mod":          "module rehearsal.test/all/top/below\n\ngo 1.26.0\n",
	"top/below/below.go":        "package below\n",
	"tests/go.mod":              "module rehearsal.test/all/tests\n\ngo 1.26.0\n",
	"graphs/base.txt":           "links rehearsal.test/all/base\n",
	"graphs/top.txt":            "links rehearsal.test/all/base\nlinks rehearsal.test/all/top\n",
	"graphs/top-below.txt":      "links rehearsal.test/all/top/below\n",
	"top/internal/more/more.go": "package more\n",
}

// plant writes the tree with some files changed; one that is empty is left out.
func plant(t *testing.T, changed map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range tree {
		if other, ok := changed[name]; ok {
			text = other
		}
		if text == "" {
			continue
		}
		name = filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func rehearse(t *testing.T, root string, update bool) (string, error) {
	p, err := readPlan(root)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	r := &rehearsal{plan: p, dir: t.TempDir(), graphs: filepath.Join(root, "graphs"), update: update, out: &out}
	err = r.run()
	if err == nil {
		tool := filepath.Join(r.dir, "bin", "tool")
		if runtime.GOOS == "windows" {
			tool += ".exe"
		}
		if said, err := exec.Command(tool).CombinedOutput(); err != nil || strings.TrimSpace(string(said)) != "1" {
			t.Errorf("the installed command says %q, %v", said, err)
		}
	}
	return out.String(), err
}

func TestRehearsal(t *testing.T) {
	t.Parallel()
	root := plant(t, nil)
	out, err := rehearse(t, root, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"  base/v0.2.0\n", "  top/v0.2.0\n", "  top/below/v0.2.0\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	if strings.Contains(out, "tests/") {
		t.Errorf("a private module has a tag: %s", out)
	}
}

// What is not as expected is named, and -update makes it the expectation.
func TestOtherGraph(t *testing.T) {
	t.Parallel()
	root := plant(t, map[string]string{
		"graphs/top.txt":       "links rehearsal.test/all/top\nnames rehearsal.test/other\n",
		"graphs/top-below.txt": "",
	})
	if err := os.WriteFile(filepath.Join(root, "graphs", "gone.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := rehearse(t, root, false)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"top: a consumer now links rehearsal.test/all/base", "a consumer no longer names rehearsal.test/other",
		"top-below.txt: ", "gone.txt is of no module",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	if _, err := rehearse(t, root, true); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"graphs/base.txt", "graphs/top.txt", "graphs/top-below.txt"} {
		if got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name))); err != nil || string(got) != tree[name] {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "graphs", "gone.txt")); err == nil {
		t.Error("the expectation of a module that is gone was kept")
	}
}

// Mistakes that are found before anything is packed.
func TestPlanIsJudged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file, text, want string
	}{
		"forgotten bump":     {"top/go.mod", strings.Replace(tree["top/go.mod"], "v0.2.0", "v0.1.0", 1), "top/go.mod asks for base v0.1.0, which would be released as v0.2.0"},
		"private dependency": {"top/go.mod", strings.ReplaceAll(tree["top/go.mod"], "all/base", "all/tests"), "asks for tests, which is not published"},
		"another name":       {"base/go.mod", "module rehearsal.test/all/ground\n", "does not name rehearsal.test/all/base"},
		"no module":          {"base/go.mod", "", "base"},
		"broken module":      {"base/go.mod", "module", "go.mod:1"},
		"not in the plan":    {"versions.yaml", strings.Replace(tree["versions.yaml"], "  - top/below\n", "", 1), "go.work has top/below, versions.yaml has not"},
		"only in the plan":   {"go.work", strings.Replace(tree["go.work"], "\t./top/below\n", "", 1), "versions.yaml has top/below, go.work has not"},
		"no version":         {"versions.yaml", strings.Replace(tree["versions.yaml"], "v0.2.0", "0.2", 1), "want a version"},
		"no prefix":          {"versions.yaml", strings.Replace(tree["versions.yaml"], "prefix", "# prefix", 1), "a prefix"},
		"unknown line":       {"versions.yaml", "version: v1.0.0\nmodels:\n", `versions.yaml:2: cannot read "models:"`},
		"item of nothing":    {"versions.yaml", "- base\n", "versions.yaml:1"},
		"no plan":            {"versions.yaml", "", "versions.yaml"},
		"no workspace":       {"go.work", "", "go.work"},
		"broken workspace":   {"go.work", "use (", "go.work"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := readPlan(plant(t, map[string]string{c.file: c.text})); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// go install takes no command of a module that replaces another.
func TestReplacesAreNotPublished(t *testing.T) {
	t.Parallel()
	root := plant(t, nil)
	if err := run(root, false, true); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, "top", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "module rehearsal.test/all/top\n\ngo 1.26.0\n\nrequire rehearsal.test/all/base v0.2.0\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
