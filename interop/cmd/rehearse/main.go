// Command rehearse rehearses a release: it packs the modules of the repository as they would be published, serves them
// from a module proxy of files, and uses each as a stranger would, in a module of its own with an empty module cache.
//
//	go run ./interop/cmd/rehearse            rehearse, and print the tags to set
//	go run ./interop/cmd/rehearse -update    write the module graphs that there are as those that are expected
//	go run ./interop/cmd/rehearse -release   drop the replace lines from the public go.mod files, for the commit to tag
//
// Neither a workspace nor a replace line notices that a module asks for an old version of its sibling, or that a test
// brings half of a cloud's SDK into the module graph of a device. This does: the graph of each consumer has to be the one in
// testdata/graphs.
//
// What others publish comes from the module cache of the machine, and from its GOPROXY where that lacks something.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	update := flag.Bool("update", false, "write testdata/graphs")
	release := flag.Bool("release", false, "drop the replace lines from the go.mod files of the public modules, and do nothing else")
	root := flag.String("C", ".", "the `directory` of the repository")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "rehearse: takes no arguments")
		os.Exit(2)
	}
	if err := run(*root, *update, *release); err != nil {
		fmt.Fprintln(os.Stderr, "rehearse:", err)
		os.Exit(1)
	}
}

func run(root string, update, release bool) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	plan, err := readPlan(root)
	if err != nil {
		return err
	}
	if release {
		return plan.dropReplaces()
	}
	dir, err := os.MkdirTemp("", "rehearse")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r := &rehearsal{
		plan: plan, dir: dir, graphs: filepath.Join(root, "interop", "cmd", "rehearse", "testdata", "graphs"),
		update: update, out: os.Stdout,
	}
	return r.run()
}
