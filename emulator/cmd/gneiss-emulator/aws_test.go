package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestAWS starts AWS IoT Core as a new user would, with free ports.
func TestAWS(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "iot")
	policy := filepath.Join(t.TempDir(), "policy.json")
	if err := os.WriteFile(policy, []byte(everything), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, stop := emulate(t, "-addr", "127.0.0.1:0", "-tls-addr", "127.0.0.1:0", "-mqtts-addr", "127.0.0.1:0", "-http-addr", "127.0.0.1:0", "-state", filepath.Join(dir, "state"), "-dir", dir, "-policy", policy, "-v")
	text := stdout.String()
	address(t, text, "MQTT without TLS")
	address(t, text, "MQTT with a device certificate")
	address(t, text, "everything else")
	address(t, text, "the HTTP API")
	for name, secret := range map[string]bool{"ca.pem": false, "device.pem": false, "device.key": true, "aws.env": true, "authorizer.env": true} {
		file := filepath.Join(dir, name)
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if secret && runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		if !strings.Contains(text, file) {
			t.Errorf("the output does not name %s", name)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			_, value, _ := strings.Cut(strings.TrimSpace(line), "='")
			if value = strings.Trim(value, "'"); len(value) > 15 && (strings.Contains(text, value) || strings.Contains(stderr.String(), value)) {
				t.Errorf("a secret of %s is printed", name)
			}
		}
	}
	if code := stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// TestTemporaryDirectory: where no directory is named there is one for as long as the command runs.
func TestTemporaryDirectory(t *testing.T) {
	t.Parallel()
	stdout, _, stop := emulate(t, "-tls-addr", "127.0.0.1:0", "-mqtts-addr", "")
	_, rest, _ := strings.Cut(stdout.String(), "-ca ")
	ca, _, _ := strings.Cut(rest, " ")
	if _, err := os.Stat(ca); err != nil {
		t.Fatal(err)
	}
	stop()
	if _, err := os.Stat(filepath.Dir(ca)); !os.IsNotExist(err) {
		t.Errorf("the temporary directory is still there: %v", err)
	}
}

func TestBadPolicies(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{bad: "the policy document is not valid", bad + "x": "policy:"} {
		var stdout, stderr output
		code := run(t.Context(), []string{"-tls-addr", "127.0.0.1:0", "-mqtts-addr", "", "-policy", file}, &stdout, &stderr)
		if code != exitFailure || !strings.Contains(stderr.String(), want) {
			t.Errorf("exit code %d, %q", code, stderr.String())
		}
	}
}
