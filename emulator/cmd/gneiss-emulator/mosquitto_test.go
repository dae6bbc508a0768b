package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tool finds an external program. Where it is missing the test is skipped, unless the environment says that it has to be
// there.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" || os.Getenv("GNEISS_REQUIRE_EXTERNAL") == "1" {
		t.Fatalf("%s is required and not installed: %v", name, err)
	}
	t.Skipf("SKIPPED: %s is not installed, so the emulator is not tried with it", name)
	return ""
}

// command runs a program to its end, for a limited time.
func command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.WaitDelay = 5 * time.Second
	return c
}

// TestMosquittoClients exchanges messages between mosquitto_pub and mosquitto_sub, over TCP and TLS, with both versions
// and every QoS.
func TestMosquittoClients(t *testing.T) {
	t.Parallel()
	pub, sub := tool(t, "mosquitto_pub"), tool(t, "mosquitto_sub")
	dir := t.TempDir()
	stdout, _, _ := emulate(t, "-generic", "-addr", "127.0.0.1:0", "-tls-addr", "127.0.0.1:0", "-dir", dir, "-require-cert")
	plain := mosquittoAddress(t, address(t, stdout.String(), "plain TCP"))
	secure := append(mosquittoAddress(t, address(t, stdout.String(), "TLS")),
		"--cafile", filepath.Join(dir, "ca.pem"), "--cert", filepath.Join(dir, "device.pem"), "--key", filepath.Join(dir, "device.key"))
	for _, tc := range []struct {
		name     string
		pub, sub []string
	}{
		{"mqttv5", plain, plain}, {"mqttv311", plain, plain}, {"mqttv5", secure, plain}, {"mqttv311", plain, secure},
	} {
		for _, qos := range []string{"0", "1", "2"} {
			topic := "mosquitto/" + tc.name + "/" + qos
			// Retained, so that the subscriber need not be there first.
			run := command(t, pub, append(tc.pub, "-V", tc.name, "-q", qos, "-t", topic, "-m", "hello "+qos, "-r")...)
			if out, err := run.CombinedOutput(); err != nil {
				t.Fatalf("mosquitto_pub: %v: %s", err, out)
			}
			run = command(t, sub, append(tc.sub, "-V", tc.name, "-q", qos, "-t", topic, "-C", "1", "-W", "10", "-F", "%t %q %r %p")...)
			out, err := run.CombinedOutput()
			if got, want := strings.TrimSpace(string(out)), topic+" "+qos+" 1 hello "+qos; err != nil || got != want {
				t.Errorf("mosquitto_sub: %v: %q, want %q", err, got, want)
			}
		}
	}
}

// TestMosquittoSession has messages wait for a mosquitto_sub that is away.
func TestMosquittoSession(t *testing.T) {
	t.Parallel()
	pub, sub := tool(t, "mosquitto_pub"), tool(t, "mosquitto_sub")
	stdout, _, _ := emulate(t, "-generic", "-addr", "127.0.0.1:0")
	addr := mosquittoAddress(t, address(t, stdout.String(), "plain TCP"))
	away := append(addr, "-V", "mqttv5", "-i", "away", "-c", "-x", "1000", "-q", "2", "-t", "away/#")
	if out, err := command(t, sub, append(away, "-E")...).CombinedOutput(); err != nil { // leaves after SUBACK
		t.Fatalf("mosquitto_sub: %v: %s", err, out)
	}
	var lines bytes.Buffer
	want := ""
	for range 500 {
		lines.WriteString("a line\n")
		want += "a line\n"
	}
	c := command(t, pub, append(addr, "-V", "mqttv311", "-q", "2", "-t", "away/1", "-l")...)
	c.Stdin = &lines
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_pub: %v: %s", err, out)
	}
	out, err := command(t, sub, append(away, "-C", "500", "-W", "20")...).CombinedOutput()
	if err != nil || string(out) != want {
		t.Errorf("mosquitto_sub: %v: %d lines", err, strings.Count(string(out), "\n"))
	}
}

func mosquittoAddress(t *testing.T, addr string) []string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return []string{"-h", "127.0.0.1", "-p", port}
}
