package engine

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport is all that the engine needs: nothing that does I/O, waits, locks, logs, reads a clock or draws numbers.
var mayImport = []string{
	"bytes", "cmp", "encoding/binary", "errors", "fmt", "iter", "math", "slices", "strings", "unicode/utf8",
	"github.com/gneiss-mqtt/gneiss-go/core/packet",
}

// TestSansIO reads the package's own source: whoever drives the engine has to be able to rely on it.
func TestSansIO(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	must(t, err)
	fset := token.NewFileSet()
	read := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		must(t, err)
		read++
		for _, spec := range file.Imports {
			if path, _ := strconv.Unquote(spec.Path.Value); !slices.Contains(mayImport, path) {
				t.Errorf("%s imports %s", name, path)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			what := ""
			switch n := n.(type) {
			case *ast.GoStmt:
				what = "starts a goroutine"
			case *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
				what = "uses a channel"
			case *ast.CallExpr:
				if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "panic" || id.Name == "print" || id.Name == "println") {
					what = "calls " + id.Name
				}
			}
			if what != "" {
				t.Errorf("%s %s", fset.Position(n.Pos()), what)
			}
			return true
		})
	}
	if read < 20 {
		t.Errorf("only %d files were read", read)
	}
}
