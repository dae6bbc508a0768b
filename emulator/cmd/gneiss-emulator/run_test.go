package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// output is a writer that can be read meanwhile.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// emulate runs the command until the test ends, and returns what it prints once it listens.
func emulate(t *testing.T, args ...string) (stdout, stderr *output, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stdout, stderr = new(output), new(output)
	code := make(chan int, 1)
	go func() { code <- run(ctx, args, stdout, stderr) }()
	var once sync.Once
	stop = func() (c int) {
		once.Do(func() {
			cancel()
			select {
			case c = <-code:
			case <-time.After(10 * time.Second):
				t.Error("the command does not stop")
			}
		})
		return c
	}
	t.Cleanup(func() { stop() })
	deadline := time.After(10 * time.Second)
	for !strings.Contains(stdout.String(), "Interrupt to stop.") {
		select {
		case c := <-code:
			t.Fatalf("exit code %d: %s", c, stderr)
		case <-deadline:
			t.Fatalf("not listening: %s %s", stdout, stderr)
		case <-time.After(time.Millisecond):
		}
	}
	return stdout, stderr, stop
}

// address returns the address that the command has printed before a word.
func address(t *testing.T, text, what string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^  (\S+)  ` + what).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no address for %s in %q", what, text)
	}
	return m[1]
}

func TestRunAndStop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stdout, _, stop := emulate(t, "-generic", "-addr", "127.0.0.1:0", "-tls-addr", "127.0.0.1:0", "-dir", dir, "-v")
	text := stdout.String()
	for _, a := range []string{address(t, text, "plain TCP"), address(t, text, "TLS")} {
		conn, err := net.Dial("tcp", a)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	for _, name := range []string{"ca.pem", "device.pem", "device.key"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
		if !strings.Contains(text, filepath.Join(dir, name)) {
			t.Errorf("the output does not name %s: %s", name, text)
		}
	}
	if code := stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if !strings.HasSuffix(stdout.String(), "stopped\n") {
		t.Errorf("output %q", stdout)
	}
}

// TestWebSockets opens what it prints.
func TestWebSockets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stdout, _, _ := emulate(t, "-generic", "-ws-addr", "127.0.0.1:0", "-wss-addr", "127.0.0.1:0", "-ws-path", "/socket", "-dir", dir)
	text := stdout.String()
	if strings.Contains(text, "plain TCP") {
		t.Errorf("it listens where nobody asked it to: %s", text)
	}
	authority, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	d := websocket.Dialer{Subprotocols: []string{"mqtt"}, TLSClientConfig: &tls.Config{RootCAs: roots}}
	for _, scheme := range []string{"ws", "wss"} {
		to := regexp.MustCompile(`(?m)^    (` + scheme + `://\S+/socket)$`).FindStringSubmatch(text)
		if to == nil {
			t.Fatalf("no URL for %s in %q", scheme, text)
		}
		ws, _, err := d.DialContext(t.Context(), to[1], nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = ws.Close()
	}
}

func TestErrorsAreClear(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args []string
		code int
		want string
	}{
		"unknown flag":   {[]string{"-bogus"}, exitUsage, "-bogus"},
		"argument":       {[]string{"1883"}, exitUsage, `unexpected argument "1883"`},
		"nowhere":        {[]string{"-generic", "-addr", ""}, exitUsage, "nowhere to listen"},
		"nowhere, AWS":   {[]string{"-tls-addr", "", "-mqtts-addr", ""}, exitUsage, "nowhere to listen"},
		"certs, no TLS":  {[]string{"-generic", "-dir", "x"}, exitUsage, "-dir needs -tls-addr"},
		"require no TLS": {[]string{"-generic", "-require-cert"}, exitUsage, "-require-cert needs -tls-addr"},
		"require, AWS":   {[]string{"-require-cert"}, exitUsage, "-require-cert belongs to -generic"},
		"path alone":     {[]string{"-generic", "-ws-path", "/mqtt"}, exitUsage, "-ws-path needs -ws-addr"},
		"ws, AWS":        {[]string{"-ws-addr", "127.0.0.1:0"}, exitUsage, "-ws-addr belongs to -generic"},
		"remote ws":      {[]string{"-generic", "-ws-addr", "0.0.0.0:0"}, exitFailure, "-remote allows it"},
		"8883, generic":  {[]string{"-generic", "-mqtts-addr", ""}, exitUsage, "-mqtts-addr belongs to AWS IoT Core"},
		"taken":          {[]string{"-generic", "-addr", taken.Addr().String()}, exitFailure, "choose another port"},
		"remote":         {[]string{"-generic", "-addr", "0.0.0.0:0"}, exitFailure, "-remote allows it"},
		"bad address":    {[]string{"-generic", "-addr", "1883"}, exitFailure, `address "1883"`},
		"cert directory": {[]string{"-generic", "-tls-addr", "127.0.0.1:0", "-dir", filepath.Join(file, "x")}, exitFailure, "certificates"},
		"help":           {[]string{"-help"}, exitOK, "-tls-addr"},
	} {
		var stdout, stderr output
		if code := run(t.Context(), tc.args, &stdout, &stderr); code != tc.code || !strings.Contains(stderr.String(), tc.want) {
			t.Errorf("%s: exit code %d, %q", name, code, stderr.String())
		}
	}
}

// TestProcessEndsOnSignals builds the command and sends it the signals that people and supervisors send.
func TestProcessEndsOnSignals(t *testing.T) {
	t.Parallel()
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "gneiss-emulator")
	if out, err := exec.CommandContext(t.Context(), goTool, "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		c := exec.CommandContext(t.Context(), binary, "-generic", "-addr", "127.0.0.1:0")
		var out output
		c.Stdout, c.Stderr = &out, &out
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(10 * time.Second); !strings.Contains(out.String(), "Interrupt to stop."); <-time.After(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("not listening: %s", out.String())
			}
		}
		conn, err := net.Dial("tcp", address(t, out.String(), "plain TCP"))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(); err != nil {
			t.Errorf("%v: %v: %s", sig, err, out.String())
		}
		_ = conn.Close()
	}
}
