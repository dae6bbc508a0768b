package azureiot

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// program is a device with a key. What it does not need is in modules of its own.
const program = `package main

import (
	azureiot "github.com/gneiss-mqtt/gneiss-go/builders/azure"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

func main() {
	d := azureiot.Device{ID: "pump-7"}
	endpoint, _ := azureiot.IoTHub("hub.azure-devices.net", d, azureiot.SAS{Key: "AAAA"})
	_, _ = mqtt.New(d.Defaults(mqtt.Config{Endpoint: endpoint}))
}
`

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

// A program that imports this package links nothing of AWS, and nothing of azidentity.
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
	mod := "module example.org/device\n\ngo 1.26.0\n\nrequire " + prefix + "builders/azure v0.1.0\n"
	for module, at := range map[string]string{"builders/azure": here, "builders/direct": here + "/../direct",
		"builders/websocket": here + "/../websocket", "core": here + "/../../core"} {
		mod += "\nreplace " + prefix + module + " => " + filepath.ToSlash(filepath.Clean(at)) + "\n"
	}
	dir := t.TempDir()
	for file, text := range map[string]string{"go.mod": mod, "go.sum": string(sums), "main.go": program} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	modules := make(map[string]bool)
	for line := range strings.Lines(run(t, dir, "list", "-deps", "-f", "{{.ImportPath}} {{with .Module}}{{.Path}}{{end}}", ".")) {
		pkg, module, _ := strings.Cut(strings.TrimSpace(line), " ")
		for _, other := range []string{"aws", "azidentity", "microsoft-authentication-library"} {
			if strings.Contains(strings.ToLower(pkg), other) {
				t.Errorf("it imports %s", pkg)
			}
		}
		if module != "" && !strings.HasPrefix(module, prefix) {
			modules[module] = true
		}
	}
	delete(modules, "example.org/device")
	want := []string{"github.com/Azure/azure-sdk-for-go/sdk/azcore", "github.com/Azure/azure-sdk-for-go/sdk/internal",
		"github.com/gorilla/websocket", "golang.org/x/net", "golang.org/x/text"}
	if got := slices.Sorted(maps.Keys(modules)); !slices.Equal(got, want) {
		t.Errorf("it is made of %q, want %q", got, want)
	}
	run(t, dir, "build", "-o", "device", ".")
	symbols := run(t, dir, "tool", "nm", "device")
	for _, symbol := range []string{"aws-sdk-go", "builders/aws", "azidentity", "azcore/runtime.NewPipeline"} {
		if strings.Contains(symbols, symbol) {
			t.Errorf("the binary has %s", symbol)
		}
	}
	if !strings.Contains(symbols, "builders/azure.IoTHub") {
		t.Error("the binary has no symbols to look at")
	}
}
