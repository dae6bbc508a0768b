package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const markerWord = "Conformance:"

// goMarkers reads the markers of a Go test file. The second result says
// whether the file imports the client.
func goMarkers(name string) (markers []marker, client bool, err error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, false, err
	}
	for _, spec := range file.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		client = client || strings.HasSuffix(path, "/core/mqtt") || strings.HasSuffix(path, "/core/engine")
	}

	tests := make(map[*ast.CommentGroup]string)
	for _, decl := range file.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Doc != nil && isTest(fn) {
			tests[fn.Doc] = fn.Name.Name
		}
	}
	var problems []error
	for _, group := range file.Comments {
		for _, c := range group.List {
			text, ok := strings.CutPrefix(strings.TrimSpace(strings.TrimPrefix(c.Text, "//")), markerWord)
			if !ok {
				continue
			}
			line := fset.Position(c.Pos()).Line
			test, ok := tests[group]
			if !ok {
				problems = append(problems, fmt.Errorf("line %d: the marker is not directly above a test function", line))
				continue
			}
			ids, err := splitIDs(text)
			if err != nil {
				problems = append(problems, fmt.Errorf("line %d: %w", line, err))
			}
			markers = append(markers, marker{name: test, line: line, ids: ids})
		}
	}
	return markers, client, errors.Join(problems...)
}

// isTest reports whether go test runs the function as a test of its own.
// Examples do not count: without an output comment they cannot fail.
func isTest(fn *ast.FuncDecl) bool {
	name := fn.Name.Name
	return fn.Recv == nil && name != "TestMain" &&
		(strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz"))
}

// textMarkers reads the markers of a transcript or vector file.
func textMarkers(name string) (markers []marker, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	base := strings.TrimSuffix(filepath.Base(name), ".txt")
	number := 0
	var problems []error
	for line := range strings.Lines(string(text)) {
		number++
		comment, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !ok {
			continue
		}
		list, ok := strings.CutPrefix(strings.TrimSpace(comment), markerWord)
		if !ok {
			continue
		}
		ids, err := splitIDs(list)
		if err != nil {
			problems = append(problems, fmt.Errorf("line %d: %w", number, err))
		}
		markers = append(markers, marker{name: base, line: number, ids: ids})
	}
	return markers, errors.Join(problems...)
}

// splitIDs reads a list separated by commas.
func splitIDs(list string) ([]string, error) {
	var ids []string
	for field := range strings.SplitSeq(list, ",") {
		id := strings.TrimSpace(field)
		if id == "" || strings.ContainsAny(id, " \t") {
			return ids, fmt.Errorf("%q in a marker: want identifiers separated by commas", id)
		}
		ids = append(ids, id)
	}
	return ids, nil
}
