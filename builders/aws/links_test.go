package awsiot_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// programs say what a program that imports this package is made of. What they do not
// need, such as the SDK's config with its thirteen modules, is in modules of its own.
var programs = map[string]struct {
	body    string
	modules []string // of AWS and Azure
	without []string // packages and symbols that are not in the binary
}{
	"mutual TLS": {
		body: `endpoint, err := awsiot.MTLS("a1b2-ats.iot.eu-west-1.amazonaws.com", awsiot.Files("cert.pem", "key.pem"))
	_, _ = mqtt.New(awsiot.Defaults(mqtt.Config{Endpoint: endpoint}))`,
		modules: []string{"github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go"},
		without: []string{"aws/signer/v4.(*Signer).PresignHTTP", "go-pkcs12.DecodeChain", "gorilla/websocket.(*Dialer)", "cognito", "azure"},
	},
}

func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	// Nothing is fetched: what the tests are made of is there.
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
	out, err := cmd.Output()
	if err != nil {
		stderr := ""
		if e, ok := err.(*exec.ExitError); ok {
			stderr = string(e.Stderr)
		}
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr)
	}
	return string(out)
}

// Only what a program uses is linked into it.
func TestWhatIsLinked(t *testing.T) {
	t.Parallel()
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile("go.sum")
	if err != nil {
		t.Fatal(err)
	}
	const prefix = "github.com/gneiss-mqtt/gneiss-go/"
	siblings := map[string]string{"builders/aws": here, "builders/direct": here + "/../direct", "builders/websocket": here + "/../websocket", "core": here + "/../../core"}
	for name, program := range programs {
		dir := t.TempDir()
		mod := "module example.org/device\n\ngo 1.26.0\n\nrequire " + prefix + "builders/aws v0.1.0\n"
		for module, at := range siblings {
			mod += "\nreplace " + prefix + module + " => " + filepath.ToSlash(filepath.Clean(at)) + "\n"
		}
		source := "package main\n\nimport (\n\tawsiot \"" + prefix + "builders/aws\"\n\t\"" + prefix + "core/mqtt\"\n)\n\nfunc main() {\n\t" + program.body + "\n\t_ = err\n}\n"
		for file, text := range map[string]string{"go.mod": mod, "go.sum": string(sums), "main.go": source} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		modules := make(map[string]bool)
		for line := range strings.Lines(run(t, dir, "list", "-deps", "-f", "{{.ImportPath}} {{with .Module}}{{.Path}}{{end}}", ".")) {
			pkg, module, _ := strings.Cut(strings.TrimSpace(line), " ")
			if strings.HasPrefix(pkg, "github.com/aws/aws-sdk-go-v2/config") || strings.Contains(pkg, "/service/") || strings.Contains(strings.ToLower(pkg), "azure") {
				t.Errorf("%s: it imports %s", name, pkg)
			}
			if strings.HasPrefix(module, "github.com/aws/") || strings.Contains(strings.ToLower(module), "azure") {
				modules[module] = true
			}
		}
		if got := slices.Sorted(maps.Keys(modules)); !slices.Equal(got, program.modules) {
			t.Errorf("%s: it is made of %q, want %q", name, got, program.modules)
		}
		run(t, dir, "build", "-o", "device", ".")
		symbols := run(t, dir, "tool", "nm", "device")
		for _, symbol := range program.without {
			if strings.Contains(symbols, symbol) {
				t.Errorf("%s: the binary has %s", name, symbol)
			}
		}
		if !strings.Contains(symbols, "builders/aws.MTLS") {
			t.Errorf("%s: the binary has no symbols to look at", name)
		}
	}
}
