package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// rehearsal is one run.
type rehearsal struct {
	plan   *plan
	dir    string // to work in
	graphs string // where the expectations are
	update bool
	out    io.Writer
}

func (r *rehearsal) run() error {
	proxy := filepath.Join(r.dir, "proxy")
	for _, dir := range r.plan.modules {
		if err := r.plan.publish(proxy, dir); err != nil {
			return err
		}
	}
	c, err := newCommand(proxy, filepath.Join(r.dir, "cache"), filepath.Join(r.dir, "bin"))
	if err != nil {
		return err
	}
	if r.update {
		if err := os.RemoveAll(r.graphs); err != nil {
			return err
		}
	}
	var problems []error
	for _, dir := range r.plan.modules {
		began := time.Now()
		g, err := r.plan.consume(c, filepath.Join(r.dir, "consumers", flat(dir)), dir)
		if err == nil {
			err = r.judge(dir, g)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", dir, err))
			continue
		}
		fmt.Fprintf(r.out, "%-24s links %2d modules, names %2d more (%.1f s)\n", dir, len(g.linked), len(g.named), time.Since(began).Seconds())
	}
	if err := errors.Join(append(problems, r.strangers())...); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "\ntags, on a commit made with -release:\n")
	for _, dir := range r.plan.modules {
		fmt.Fprintf(r.out, "  %s/%s\n", dir, r.plan.version)
	}
	return nil
}

// judge compares a module graph with the expectation.
func (r *rehearsal) judge(dir string, g *graph) error {
	name := filepath.Join(r.graphs, flat(dir)+".txt")
	if r.update {
		if err := os.MkdirAll(r.graphs, 0o755); err != nil {
			return err
		}
		return os.WriteFile(name, []byte(g.String()), 0o644)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("%w: -update writes it", err)
	}
	return g.differs(string(text))
}

// strangers reports expectations for modules that there are not.
func (r *rehearsal) strangers() error {
	found, err := os.ReadDir(r.graphs)
	if err != nil {
		return nil // reported with each module
	}
	known := map[string]bool{}
	for _, dir := range r.plan.modules {
		known[flat(dir)+".txt"] = true
	}
	var problems []error
	for _, f := range found {
		if !known[f.Name()] {
			problems = append(problems, fmt.Errorf("%s is of no module", filepath.Join(r.graphs, f.Name())))
		}
	}
	return errors.Join(problems...)
}

// flat is a module's name as that of one file.
func flat(dir string) string { return strings.ReplaceAll(dir, "/", "-") }
