package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// findRoot returns the nearest folder at or above dir that holds go.work.
func findRoot(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("conform: no go.work here or above")
		}
		dir = parent
	}
}

// readWorkspace returns the folders that go.work uses, slash-separated and relative to root.
func readWorkspace(root string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(root, "go.work"))
	if err != nil {
		return nil, err
	}
	modules := parseUses(string(text))
	if len(modules) == 0 {
		return nil, fmt.Errorf("conform: %s uses no module", filepath.Join(root, "go.work"))
	}
	return modules, nil
}

// parseUses reads the use directives, in both their forms. The rest of the
// file is the go command's business.
func parseUses(text string) []string {
	var modules []string
	block := ""
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "//")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
		case block != "" && fields[0] == ")":
			block = ""
		case block == "use":
			modules = append(modules, cleanUse(fields[0]))
		case block != "":
		case len(fields) == 2 && fields[1] == "(":
			block = fields[0]
		case len(fields) == 2 && fields[0] == "use":
			modules = append(modules, cleanUse(fields[1]))
		}
	}
	return modules
}

func cleanUse(s string) string { return path.Clean(strings.Trim(s, "\"`")) }
