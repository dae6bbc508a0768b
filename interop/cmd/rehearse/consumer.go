package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// command is the go command of somebody who has nothing of ours but a proxy.
type command struct {
	env []string
}

// newCommand returns a go command whose module cache, an empty directory, is filled from the proxy of files, the machine's
// own cache and its proxies, in this order.
func newCommand(proxy, cache, bin string) (*command, error) {
	out, err := exec.Command("go", "env", "GOMODCACHE", "GOPROXY").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	machine, others, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	proxies := []string{fileURL(proxy), fileURL(filepath.Join(machine, "cache", "download"))}
	if others != "" {
		proxies = append(proxies, others)
	}
	return &command{env: append(os.Environ(),
		"GOWORK=off", "GOTOOLCHAIN=local", "GOMODCACHE="+cache, "GOBIN="+bin, "GOPROXY="+strings.Join(proxies, ","),
		// No checksum database knows what is not published; what others publish is in the go.sum files of the repository.
		"GOSUMDB=off", "GOPRIVATE=", "GONOPROXY=",
		// -modcacherw so that the cache can be deleted, -trimpath so that its place does not matter to the build cache.
		"GOFLAGS=-mod=mod -modcacherw -trimpath -buildvcs=false",
	)}, nil
}

func fileURL(dir string) string {
	dir = filepath.ToSlash(dir)
	if !strings.HasPrefix(dir, "/") {
		dir = "/" + dir // C:/...
	}
	return (&url.URL{Scheme: "file", Path: dir}).String()
}

// in runs go in a directory and returns the words that it prints.
func (c *command) in(dir string, args ...string) ([]string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = dir, c.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.Fields(stdout.String()), nil
}

// consume uses a module as a stranger does, and returns the module graph that comes with it.
func (p *plan) consume(c *command, at, dir string) (*graph, error) {
	if err := os.MkdirAll(at, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(at, "go.mod"), []byte("module example.com/consumer\n\ngo 1.26.0\n"), 0o644); err != nil {
		return nil, err
	}
	if _, err := c.in(at, "get", p.path(dir)+"@"+p.version); err != nil {
		return nil, err
	}
	words, err := c.in(at, "list", "-find", "-f", "{{.ImportPath}} {{.Name}}", p.path(dir)+"/...")
	if err != nil {
		return nil, err
	}
	var program strings.Builder
	program.WriteString("package main\n\nimport (\n")
	var commands []string
	for pair := range slices.Chunk(words, 2) {
		switch name, kind := pair[0], pair[1]; {
		case kind == "main":
			commands = append(commands, name)
		case !strings.Contains(name+"/", "/internal/"):
			fmt.Fprintf(&program, "\t_ %q\n", name)
		}
	}
	program.WriteString(")\n\nfunc main() {}\n")
	if err := os.WriteFile(filepath.Join(at, "main.go"), []byte(program.String()), 0o644); err != nil {
		return nil, err
	}
	if _, err := c.in(at, "mod", "tidy"); err != nil {
		return nil, err
	}
	if _, err := c.in(at, "build", "-o", os.DevNull, "."); err != nil {
		return nil, err
	}
	for _, name := range commands { // not from within a module: a stranger has none
		if strings.Contains(name+"/", "/internal/") {
			continue
		}
		if _, err := c.in(at, "install", name+"@"+p.version); err != nil {
			return nil, err
		}
	}
	return p.graph(c, at)
}

// graph asks for the module graph of a consumer.
func (p *plan) graph(c *command, at string) (*graph, error) {
	edges, err := c.in(at, "mod", "graph") // unlike go list -m it asks no proxy for the dates of versions
	if err != nil {
		return nil, err
	}
	linked, err := c.in(at, "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", ".")
	if err != nil {
		return nil, err
	}
	g := &graph{linked: unique(linked)}
	var problems []error
	for _, module := range unique(edges) {
		path, version, _ := strings.Cut(module, "@")
		below, ours := strings.CutPrefix(path, p.prefix+"/")
		switch {
		case version == "" || path == "go" || path == "toolchain": // the consumer, and what it is built with
			continue
		case !ours:
		case version != p.version:
			problems = append(problems, fmt.Errorf("the graph has %s %s, want %s", below, version, p.version))
		case !slices.Contains(p.modules, below):
			problems = append(problems, fmt.Errorf("the graph has %s, which is not published", below))
		}
		if !slices.Contains(g.linked, path) {
			g.named = append(g.named, path)
		}
	}
	g.named = unique(g.named)
	return g, errors.Join(problems...)
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
