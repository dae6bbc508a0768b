package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// graph is what comes with a module: the modules of which something is linked, and those that are only named, because
// versions are chosen with them in view.
type graph struct {
	linked, named []string
}

// String is the form of the expectations: without versions, which the go.mod files have.
func (g *graph) String() string {
	var b strings.Builder
	for _, path := range g.linked {
		fmt.Fprintln(&b, "links", path)
	}
	for _, path := range g.named {
		fmt.Fprintln(&b, "names", path)
	}
	return b.String()
}

// differs says what an expectation has not, and what it has in vain.
func (g *graph) differs(want string) error {
	expected := slices.Collect(strings.Lines(want))
	got := slices.Collect(strings.Lines(g.String()))
	var problems []error
	for _, line := range got {
		if !slices.Contains(expected, line) {
			problems = append(problems, fmt.Errorf("a consumer now %s, which it is not expected to", strings.TrimSpace(line)))
		}
	}
	for _, line := range expected {
		if !slices.Contains(got, line) {
			problems = append(problems, fmt.Errorf("a consumer no longer %s", strings.TrimSpace(line)))
		}
	}
	return errors.Join(problems...)
}
