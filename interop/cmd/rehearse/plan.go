package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// plan is what versions.yaml says.
type plan struct {
	root    string
	version string
	prefix  string
	modules []string // below the root, with slashes
	private []string // not published
}

// readPlan reads versions.yaml, and holds it to the modules that there are.
func readPlan(root string) (*plan, error) {
	text, err := os.ReadFile(filepath.Join(root, "versions.yaml"))
	if err != nil {
		return nil, err
	}
	p, err := parsePlan(string(text))
	if err != nil {
		return nil, err
	}
	p.root = root
	return p, p.check()
}

// parsePlan reads the little YAML that the file needs: keys with a value, and keys with a list.
func parsePlan(text string) (*plan, error) {
	p := new(plan)
	var list *[]string
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
		item, isItem := strings.CutPrefix(line, "- ")
		key, value, isKey := strings.Cut(line, ":")
		switch {
		case line == "":
		case isItem && list != nil:
			*list = append(*list, strings.TrimSpace(item))
		case isKey && key == "version":
			p.version = strings.TrimSpace(value)
		case isKey && key == "prefix":
			p.prefix = strings.TrimSpace(value)
		case isKey && key == "modules":
			list = &p.modules
		case isKey && key == "private":
			list = &p.private
		default:
			return nil, fmt.Errorf("versions.yaml:%d: cannot read %q", n, line)
		}
	}
	if !semver.IsValid(p.version) || semver.Canonical(p.version) != p.version || p.prefix == "" || len(p.modules) == 0 {
		return nil, errors.New("versions.yaml: want a version such as v1.2.3, a prefix, and modules")
	}
	return p, nil
}

// check compares the plan with the workspace and with every go.mod.
func (p *plan) check() error {
	text, err := os.ReadFile(filepath.Join(p.root, "go.work"))
	if err != nil {
		return err
	}
	work, err := modfile.ParseWork("go.work", text, nil)
	if err != nil {
		return err
	}
	var problems []error
	planned := slices.Concat(p.modules, p.private)
	for _, use := range work.Use {
		dir := strings.TrimPrefix(filepath.ToSlash(use.Path), "./")
		if i := slices.Index(planned, dir); i >= 0 {
			planned = slices.Delete(planned, i, i+1)
		} else {
			problems = append(problems, fmt.Errorf("go.work has %s, versions.yaml has not", dir))
		}
	}
	for _, dir := range planned {
		problems = append(problems, fmt.Errorf("versions.yaml has %s, go.work has not", dir))
	}
	for _, dir := range p.modules {
		f, err := p.mod(dir)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if f.Module == nil || f.Module.Mod.Path != p.path(dir) {
			problems = append(problems, fmt.Errorf("%s/go.mod does not name %s", dir, p.path(dir)))
		}
		for _, r := range f.Require {
			below, ours := strings.CutPrefix(r.Mod.Path, p.prefix+"/")
			switch {
			case !ours:
			case r.Mod.Version != p.version:
				problems = append(problems, fmt.Errorf("%s/go.mod asks for %s %s, which would be released as %s", dir, below, r.Mod.Version, p.version))
			case !slices.Contains(p.modules, below):
				problems = append(problems, fmt.Errorf("%s/go.mod asks for %s, which is not published", dir, below))
			}
		}
	}
	return errors.Join(problems...)
}

func (p *plan) path(dir string) string { return p.prefix + "/" + dir }

func (p *plan) mod(dir string) (*modfile.File, error) {
	name := filepath.Join(p.root, filepath.FromSlash(dir), "go.mod")
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return modfile.Parse(name, text, nil)
}

// published returns the go.mod of a module without the replace lines that point into the repository. In a module that
// others require they mean nothing; but go install refuses a command whose module has one.
func (p *plan) published(dir string) ([]byte, error) {
	f, err := p.mod(dir)
	if err != nil {
		return nil, err
	}
	for _, r := range slices.Clone(f.Replace) {
		if modfile.IsDirectoryPath(r.New.Path) {
			if err := f.DropReplace(r.Old.Path, r.Old.Version); err != nil {
				return nil, err
			}
		}
	}
	f.Cleanup()
	return f.Format()
}

// dropReplaces writes the go.mod files as they are published.
func (p *plan) dropReplaces() error {
	for _, dir := range p.modules {
		text, err := p.published(dir)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(p.root, filepath.FromSlash(dir), "go.mod"), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
