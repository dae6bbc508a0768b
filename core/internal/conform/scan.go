package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A proof is a test that shows a statement.
type proof struct {
	name   string // test function, or base name of a text file
	file   string // slash-separated, relative to the workspace root
	client bool   // shown on our client, not on our broker
}

// A marker is one comment that names statements, before its identifiers are judged.
type marker struct {
	name string
	line int
	ids  []string
}

// scan reads all markers of all modules. The result is keyed by statement.key.
func scan(root string, modules []string, editions []edition) (map[string][]proof, error) {
	known := make(map[string]bool)
	for _, e := range editions {
		for _, s := range e.statements {
			known[s.key()] = true
		}
	}
	proofs := make(map[string][]proof)
	var problems []error
	add := func(file string, markers []marker, client bool) {
		for _, m := range markers {
			for _, id := range m.ids {
				if !known[id] {
					problems = append(problems, fmt.Errorf("%s:%d: unknown statement %q", file, m.line, id))
					continue
				}
				p := proof{name: m.name, file: file, client: client}
				if !slices.Contains(proofs[id], p) {
					proofs[id] = append(proofs[id], p)
				}
			}
		}
	}
	for _, module := range modules {
		problems = append(problems, scanModule(root, module, add)...)
	}
	for _, list := range proofs {
		slices.SortFunc(list, func(a, b proof) int {
			return strings.Compare(a.file+" "+a.name, b.file+" "+b.name)
		})
	}
	return proofs, errors.Join(problems...)
}

// scanModule finds the files of one module that may hold markers.
func scanModule(root, module string, add func(string, []marker, bool)) (problems []error) {
	top := filepath.Join(root, filepath.FromSlash(module))
	err := filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		file := filepath.ToSlash(rel)
		if d.IsDir() {
			if name != top && skipFolder(name, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		var markers []marker
		client := module != "emulator"
		switch folder := testdataParent(file); {
		case folder == "" && strings.HasSuffix(file, "_test.go"):
			var usesClient bool
			markers, usesClient, err = goMarkers(name)
			client = client || usesClient
		case folder != "" && path.Ext(file) == ".txt":
			markers, err = textMarkers(name)
			if err == nil && len(markers) > 0 && !hasTests(filepath.Join(root, filepath.FromSlash(folder))) {
				err = errors.New("has a marker, but no test beside its testdata folder reads it")
			}
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", file, err))
		}
		add(file, markers, client)
		return nil
	})
	if err != nil {
		problems = append(problems, err)
	}
	return problems
}

// skipFolder keeps to one module and to what the go command looks at.
func skipFolder(name, base string) bool {
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "vendor" {
		return true
	}
	_, err := os.Stat(filepath.Join(name, "go.mod"))
	return err == nil
}

// testdataParent returns the folder that holds the testdata folder of file, or "".
func testdataParent(file string) string {
	if before, _, ok := strings.Cut(file, "/testdata/"); ok {
		return before
	}
	return ""
}

func hasTests(folder string) bool {
	tests, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	return err == nil && len(tests) > 0
}
