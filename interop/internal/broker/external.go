package broker

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A Program is installed on the machine, or not.
type Program struct {
	Name    string
	Package string // of a Debian-like distribution
}

var mosquittoProgram = Program{Name: "mosquitto", Package: "mosquitto"}

// Require returns the path of a program. Where it is missing the test is skipped and says what to install; where the
// environment says GNEISS_REQUIRE_EXTERNAL=1 or CI=true it fails instead, so that nobody believes it has passed.
func Require(t testing.TB, p Program) string {
	t.Helper()
	path, err := exec.LookPath(p.Name)
	if err == nil {
		return path
	}
	// Distributions put daemons where only root's PATH looks.
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin", "/opt/homebrew/bin"} {
		if path, err := exec.LookPath(filepath.Join(dir, p.Name)); err == nil {
			return path
		}
	}
	if os.Getenv("GNEISS_REQUIRE_EXTERNAL") == "1" || os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed, and here it must be: apt-get install %s", p.Name, p.Package)
	}
	t.Skipf("NOT TESTED: %s is not installed: apt-get install %s", p.Name, p.Package)
	return ""
}
