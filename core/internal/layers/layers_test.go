package layers

import (
	"go/ast"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// below is the order of the packages of core: each may import those listed, and itself.
var below = map[string][]string{
	"packet":    {},
	"engine":    {"packet"},
	"mqtt":      {"packet", "engine"},
	"reqres":    {"packet", "mqtt"},
	"filestore": {"packet", "engine", "mqtt"},
	"scram":     {"mqtt"},
	"mqtttest":  {"packet", "engine", "mqtt"},
}

// siblings is what each module may need of the others, its tests included: a test import ends up in the module graph
// of everybody who uses the module. A module that is not listed may need core alone.
var siblings = map[string][]string{
	"core":                 {},
	"builders/websocket":   {"core", "builders/direct"},
	"builders/aws":         {"core", "builders/direct", "builders/websocket"},
	"builders/azure":       {"core", "builders/direct", "builders/websocket"},
	"builders/azure/chain": {"core", "builders/direct", "builders/websocket", "builders/azure"},
	"builders/aws/chain":   {"core", "builders/direct", "builders/websocket", "builders/aws"},
	"samples":              nil, // everything
	"bench":                nil,
	"interop":              nil,
}

// pure is all that the packages without I/O may import: nothing that waits, measures time or talks.
var pure = []string{
	"bytes", "cmp", "encoding/binary", "errors", "fmt", "iter", "maps", "math", "math/bits", "slices", "strconv",
	"strings", "unicode", "unicode/utf8", "unsafe",
}

func TestPackagesOfCorePointDownwards(t *testing.T) {
	t.Parallel()
	for name, allowed := range below {
		dir := filepath.Join(core, name)
		if _, err := os.Stat(dir); err != nil {
			continue // not written yet
		}
		for _, s := range sources(t, dir) {
			s.imports(func(spec *ast.ImportSpec, path string) {
				rest, ours := strings.CutPrefix(path, prefix+"core/")
				layer, _, _ := strings.Cut(rest, "/")
				if s.test && layer == "mqtttest" { // what it is there for
					return
				}
				if ours && layer != name && layer != "internal" && !slices.Contains(allowed, layer) {
					t.Errorf("core/%s/%s imports core/%s, which is not below it", name, s.at(spec), layer)
				}
			})
		}
	}
}

func TestCoreNeedsNobody(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t, core) {
		s.imports(func(spec *ast.ImportSpec, path string) {
			first, _, _ := strings.Cut(path, "/")
			if strings.Contains(first, ".") && !strings.HasPrefix(path, prefix+"core/") {
				t.Errorf("core/%s imports %s: core has no dependency, its tests included", s.at(spec), path)
			}
		})
	}
	text, err := os.ReadFile(filepath.Join(core, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if word, _, _ := strings.Cut(strings.TrimSpace(line), " "); word == "require" || word == "replace" {
			t.Errorf("core/go.mod: %s", line)
		}
	}
}

// MQTT asks that nobody needs an extension of it to interwork: what a cloud service wants beyond it is the business of
// its builder.
//
// Conformance: v3:MQTT-7.0.0-2
func TestCoreKnowsNoVendor(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t, core) {
		if s.test {
			continue
		}
		for n := range ast.Preorder(s.file) {
			var word string
			switch n := n.(type) {
			case *ast.Ident:
				word = n.Name
			case *ast.BasicLit:
				word = n.Value
			}
			word = strings.ToLower(word)
			for _, vendor := range []string{"amazon", "amzn", "aws", "azure", "mosquitto", "hivemq", "emqx"} {
				if strings.Contains(word, vendor) {
					t.Errorf("core/%s speaks of %s: %s", s.at(n), vendor, word)
				}
			}
		}
	}
}

// The packet and engine layers are values and functions: no I/O, no clock, no goroutine, no lock.
func TestPureLayers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"packet", "engine"} {
		for _, s := range sources(t, filepath.Join(core, name)) {
			if s.test {
				continue
			}
			s.imports(func(spec *ast.ImportSpec, path string) {
				if !strings.HasPrefix(path, prefix+"core/") && !slices.Contains(pure, path) {
					t.Errorf("core/%s/%s imports %s", name, s.at(spec), path)
				}
			})
			for n := range ast.Preorder(s.file) {
				if what := concurrency(n); what != "" {
					t.Errorf("core/%s/%s has a %s", name, s.at(n), what)
				}
			}
		}
	}
}

// concurrency names a node that only concurrent code has.
func concurrency(n ast.Node) string {
	switch n := n.(type) {
	case *ast.GoStmt:
		return "go statement"
	case *ast.SelectStmt:
		return "select statement"
	case *ast.ChanType:
		return "channel"
	case *ast.SendStmt:
		return "send"
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			return "receive"
		}
	}
	return ""
}

func TestModulesPointOneWay(t *testing.T) {
	t.Parallel()
	all := modules(t)
	for _, module := range all {
		allowed, listed := siblings[module]
		if !listed {
			allowed = []string{"core"}
		}
		if listed && allowed == nil {
			continue
		}
		for _, s := range sources(t, filepath.Join(root, filepath.FromSlash(module))) {
			s.imports(func(spec *ast.ImportSpec, path string) {
				rest, ours := strings.CutPrefix(path, prefix)
				if other := owner(all, rest); ours && other != module && !slices.Contains(allowed, other) {
					t.Errorf("%s/%s imports %s; %s may need %q", module, s.at(spec), path, module, allowed)
				}
			})
		}
	}
}

// owner returns the module that holds the package.
func owner(all []string, pkg string) string {
	best := ""
	for _, module := range all {
		if (pkg == module || strings.HasPrefix(pkg, module+"/")) && len(module) > len(best) {
			best = module
		}
	}
	return best
}

// go.work and versions.yaml list every module and no other: one that is left out is tested or released by nobody.
func TestEveryModuleIsListed(t *testing.T) {
	t.Parallel()
	all := modules(t)
	slices.Sort(all)
	for file, mark := range map[string]string{"go.work": "./", "versions.yaml": "- "} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		var listed []string
		for line := range strings.Lines(string(text)) {
			line = strings.TrimPrefix(strings.TrimSpace(line), "use ")
			if module, ok := strings.CutPrefix(line, mark); ok {
				listed = append(listed, module)
			}
		}
		slices.Sort(listed)
		if !slices.Equal(listed, all) {
			t.Errorf("%s lists %q, the modules are %q", file, listed, all)
		}
	}
}

// Every go.mod names the same Go version, and replaces each sibling it requires by the folder next to it.
func TestModuleFiles(t *testing.T) {
	t.Parallel()
	for _, module := range modules(t) {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(module), "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(text), "\n")
		if !slices.Contains(lines, "go 1.26.0") {
			t.Errorf("%s/go.mod does not say go 1.26.0", module)
		}
		if want := "module " + prefix + module; lines[0] != want {
			t.Errorf("%s/go.mod starts with %q, want %q", module, lines[0], want)
		}
		replaced := make(map[string]bool)
		for _, line := range lines {
			from, to, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "replace "), " => ")
			if ok && prefix+path.Join(module, to) == from {
				replaced[from] = true
			}
		}
		for _, line := range lines {
			fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
			if len(fields) > 1 && strings.HasPrefix(fields[0], prefix) && fields[1] != "=>" && !replaced[fields[0]] {
				t.Errorf("%s/go.mod requires %s and does not replace it by its folder", module, fields[0])
			}
		}
	}
}

// The rules themselves find what they are there to find.
func TestConcurrencyIsFound(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a.go")
	code := "package a\n\nfunc f(c chan int) {\n\tgo f(nil)\n\tc <- 1\n\t<-c\n\tselect {}\n}\n"
	if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool)
	for n := range ast.Preorder(sources(t, filepath.Dir(file))[0].file) {
		found[concurrency(n)] = true
	}
	for _, want := range []string{"go statement", "select statement", "channel", "send", "receive"} {
		if !found[want] {
			t.Errorf("a %s is not found", want)
		}
	}
}
