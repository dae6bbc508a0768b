// Package samples holds the samples to running unchanged against the emulator.
package samples

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// limit is how long anything may take that should happen at once.
const limit = 60 * time.Second

// programs are built once, into a directory that lives as long as the tests.
var programs string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "samples")
	if err != nil {
		panic(err)
	}
	programs = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

var build = sync.OnceValue(func() error {
	out, err := exec.Command("go", "build", "-o", programs+string(os.PathSeparator), "./aws-mtls", "./aws-pkcs12", "./aws-websocket",
		"./aws-customauth", "./aws-credentials-provider", "../emulator/cmd/gneiss-emulator").CombinedOutput()
	if err != nil {
		return &exec.Error{Name: "go build: " + string(out), Err: err}
	}
	return nil
})

func program(t *testing.T, name string) string {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(programs, name)
}

// runs holds a sample to receiving what it has published.
func runs(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil || !regexp.MustCompile(`(?m)\Aconnected as .+\nreceived on hello/[\w-]+: hello from Go\n\z`).Match(out) {
		t.Errorf("%v\n%s", err, out)
	}
}

func command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, name, args...)
}

// Each sample runs against an emulator in this process.
func TestAWSSamples(t *testing.T) {
	t.Parallel()
	var o emulator.Options
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	const token = "a token/1+2"
	sum := sha256.Sum256([]byte(token))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	welcome := iotcore.AuthorizerDecision{Authenticated: true}
	o.IoT.Authorizers = []iotcore.Authorizer{
		{Name: "Passwords", Table: []iotcore.Grant{{Username: "alice", Password: "correct horse", Decision: welcome}}},
		{Name: "Tokens", TokenKey: "ticket", SigningKeys: []*rsa.PublicKey{&key.PublicKey}, Table: []iotcore.Grant{{Token: token, Decision: welcome}}},
	}
	srv, err := emulator.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	device, err := srv.Device("device")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files, err := device.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.RoleAlias("MyRole", 0); err != nil {
		t.Fatal(err)
	}
	p12 := bundle(t, files.Cert, files.Key)
	access, err := srv.Credentials(emulator.CredentialOptions{Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	keys := []string{"AWS_ACCESS_KEY_ID=" + access.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + access.SecretAccessKey,
		"AWS_SESSION_TOKEN=" + access.SessionToken, "AWS_REGION=us-east-1"}
	byPassword, byToken := []string{"AUTHORIZER_PASSWORD=correct horse"}, []string{"AUTHORIZER_TOKEN=" + token}
	signed := []string{"-authorizer", "Tokens", "-token-key", "ticket", "-signature", base64.StdEncoding.EncodeToString(signature)}
	for name, c := range map[string]struct {
		sample    string
		args, env []string
	}{
		"mTLS":                        {"aws-mtls", []string{"-cert", files.Cert, "-key", files.Key, "-id", "mtls"}, nil},
		"PKCS12":                      {"aws-pkcs12", []string{"-p12", p12, "-id", "pkcs12"}, []string{"P12_PASSWORD=" + password}},
		"WebSocket":                   {"aws-websocket", nil, keys},
		"authorizer":                  {"aws-customauth", []string{"-authorizer", "Passwords", "-user", "alice"}, byPassword},
		"signed authorizer":           {"aws-customauth", signed, byToken},
		"authorizer over WebSocket":   {"aws-customauth", []string{"-authorizer", "Passwords", "-user", "alice", "-websocket"}, byPassword},
		"credentials for certificate": {"aws-credentials-provider", []string{"-provider", srv.Endpoint(), "-role-alias", "MyRole", "-region", "us-east-1", "-cert", files.Cert, "-key", files.Key, "-id", "provider"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// What several samples hear on one topic would be each other.
			cmd := command(t, program(t, c.sample), append(c.args, "-endpoint", srv.Endpoint(), "-ca", files.CA, "-topic", "hello/"+strings.ReplaceAll(name, " ", "-"))...)
			cmd.Env = append(os.Environ(), c.env...)
			runs(t, cmd)
		})
	}
}

const password = "open sesame"

// bundle makes a PKCS #12 file of a certificate and its key.
func bundle(t *testing.T, cert, key string) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	data, err := pkcs12.Modern.Encode(pair.PrivateKey, pair.Leaf, nil, password)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "device.p12")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// The command prints what to run, and every line that it prints runs.
func TestAWSSamplesAsPrinted(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("NOT TESTED: the lines that gneiss-emulator prints: they are for a shell, and there is none")
	}
	lines := emulate(t)
	var seen []string
	for _, line := range lines {
		named := regexp.MustCompile(`go run \./samples/([\w-]+)`).FindStringSubmatch(line)
		if named == nil {
			continue
		}
		seen = append(seen, named[1])
		t.Run(named[1], func(t *testing.T) {
			runs(t, command(t, shell, "-c", strings.Replace(line, named[0], program(t, named[1]), 1)))
		})
		files := regexp.MustCompile(`-cert (\S+) -key (\S+)`).FindStringSubmatch(line)
		if named[1] != "aws-mtls" || files == nil {
			continue
		}
		t.Run("aws-pkcs12", func(t *testing.T) { // with the certificate that was printed
			line := strings.Replace(line, named[0], program(t, "aws-pkcs12"), 1)
			cmd := command(t, shell, "-c", strings.Replace(line, files[0], "-p12 "+bundle(t, files[1], files[2]), 1))
			cmd.Env = append(os.Environ(), "P12_PASSWORD="+password)
			runs(t, cmd)
		})
	}
	for _, want := range []string{"aws-mtls", "aws-websocket", "aws-customauth", "aws-credentials-provider"} {
		if !slices.Contains(seen, want) {
			t.Errorf("nothing is printed for %s: %s", want, strings.Join(lines, "\n"))
		}
	}
}

// emulate starts gneiss-emulator on free ports and returns what it prints.
func emulate(t *testing.T) (lines []string) {
	t.Helper()
	cmd := exec.Command(program(t, "gneiss-emulator"), "-tls-addr", "127.0.0.1:0", "-mqtts-addr", "127.0.0.1:0", "-dir", t.TempDir())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	printed := make(chan string, 1000)
	go func() {
		defer close(printed)
		for s := bufio.NewScanner(out); s.Scan(); {
			printed <- s.Text()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		defer time.AfterFunc(limit, func() { _ = cmd.Process.Kill() }).Stop()
		for range printed {
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("gneiss-emulator: %v\n%s", err, stderr.String())
		}
	})
	for timeout := time.After(limit); ; {
		select {
		case line, ok := <-printed:
			if !ok {
				t.Fatalf("gneiss-emulator has ended: %s\n%s", strings.Join(lines, "\n"), stderr.String())
			}
			if lines = append(lines, line); strings.HasPrefix(line, "Interrupt") {
				return lines
			}
		case <-timeout:
			t.Fatalf("gneiss-emulator does not say that it is ready: %s", strings.Join(lines, "\n"))
		}
	}
}
