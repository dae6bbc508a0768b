package layers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const prefix = "github.com/gneiss-mqtt/gneiss-go/"

// core is the folder of this module, and root that of the workspace around it.
var (
	core = filepath.Join("..", "..")
	root = filepath.Join(core, "..")
)

// A source is one parsed Go file.
type source struct {
	name string // slash-separated, relative to what was walked
	test bool
	fset *token.FileSet
	file *ast.File
}

// at names a place in the file.
func (s source) at(n ast.Node) string {
	return s.name + ":" + strconv.Itoa(s.fset.Position(n.Pos()).Line)
}

// imports calls fn for every import.
func (s source) imports(fn func(spec *ast.ImportSpec, path string)) {
	for _, spec := range s.file.Imports {
		if path, err := strconv.Unquote(spec.Path.Value); err == nil {
			fn(spec, path)
		}
	}
}

// sources parses all Go files below dir that belong to the same module.
func sources(t *testing.T, dir string) []source {
	t.Helper()
	var list []source
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != dir && (ignored(d.Name()) || isModule(name)) {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		list = append(list, source{filepath.ToSlash(rel), strings.HasSuffix(name, "_test.go"), fset, file})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Fatalf("no Go file below %s", dir)
	}
	return list
}

// modules returns the folders of the workspace that hold a go.mod, slash-separated.
func modules(t *testing.T) []string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, "go.work")); err != nil {
		t.Skip("core is here without its workspace, as in a module cache: there is nothing to judge")
	}
	var list []string
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || name == root {
			return err
		}
		if ignored(d.Name()) {
			return fs.SkipDir
		}
		if isModule(name) {
			rel, err := filepath.Rel(root, name)
			list = append(list, filepath.ToSlash(rel))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func ignored(base string) bool {
	return strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata"
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}
