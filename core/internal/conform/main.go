package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// table is the file the command writes, relative to the workspace root.
const table = "core/CONFORMANCE.md"

func main() {
	check := flag.Bool("check", false, "change nothing; exit 1 when the table is out of date or a statement is open that may not be")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "conform: takes no arguments, only -check")
		os.Exit(2)
	}
	root, err := findRoot(".")
	if err == nil {
		err = run(os.Stdout, root, *check)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run does the whole job for the workspace at root and reports to out.
func run(out io.Writer, root string, check bool) error {
	editions, err := loadEditions()
	if err != nil {
		return err
	}
	modules, err := readWorkspace(root)
	if err != nil {
		return err
	}
	proofs, err := scan(root, modules, editions)
	if err != nil {
		return err
	}
	reports := make([]report, len(editions))
	for i, e := range editions {
		reports[i] = judge(e, proofs, modules)
	}

	text := render(reports, proofs)
	path := filepath.Join(root, filepath.FromSlash(table))
	old, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	stale := !bytes.Equal(old, text)
	if stale && !check {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}

	open := 0
	for _, r := range reports {
		fmt.Fprintf(out, "%s: %d statements bind a client, %d shown by tests, %d deferred, %d open\n",
			r.edition.title, r.binding, r.shown, len(r.deferred), len(r.open))
		for _, s := range r.open {
			fmt.Fprintf(out, "  open %s  %s\n", s.key(), s.asks)
		}
		open += len(r.open)
	}
	switch {
	case !check:
		return nil
	case stale:
		return fmt.Errorf("conform: %s is out of date: run go run ./core/internal/conform", table)
	case open > 0:
		return fmt.Errorf("conform: %d statements about the client have no test", open)
	}
	return nil
}
