package interop

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

// AWS' own device SDK for JavaScript, unchanged, gets in by every way that it has, and talks with a client of ours.
func TestAWSJavaScript(t *testing.T) {
	t.Parallel()
	sdk := javascriptSDK(t)
	a := newAccount(t)
	endpoint, err := awsiot.MTLS(a.Endpoint8883(), awsiot.PEM(a.device.CertPEM, a.device.KeyPEM), a.options(nil))
	must(t, err)
	peer := a.client(t, endpoint, func(c *mqtt.Config) { c.ClientID = "peer" })
	permanent, err := a.Credentials(emulator.CredentialOptions{})
	must(t, err)
	temporary, err := a.Credentials(emulator.CredentialOptions{Lifetime: time.Hour})
	must(t, err)
	password := jsAuthorizer{AuthorizerName: "open", Username: "alice", Password: "correct horse"}
	signed := jsAuthorizer{AuthorizerName: "signed", TokenKeyName: "ticket", TokenValue: jsTicket, TokenSignature: a.sign(t, jsTicket)}
	for name, c := range map[string]jsConfig{
		"mutual TLS":                        {Way: "mtls"},
		"mutual TLS on 8883":                {Way: "mtls", Port: port(t, a.Endpoint8883())},
		"mutual TLS in MQTT 3.1.1":          {Way: "mtls", Version: 3},
		"SigV4":                             jsKey(permanent, 5),
		"SigV4 with a session token":        jsKey(temporary, 5),
		"SigV4 in MQTT 3.1.1":               jsKey(temporary, 3),
		"authorizer":                        {Way: "authorizer", Authorizer: &password},
		"authorizer, signed":                {Way: "authorizer", Authorizer: &signed},
		"authorizer over WebSocket":         {Way: "authorizer-websocket", Authorizer: &password},
		"authorizer over WebSocket, signed": {Way: "authorizer-websocket", Authorizer: &signed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startJavaScript(t, sdk, a, c)
			d.await("connected")
			here := "js/" + d.config.ID
			sub, err := peer.Subscribe(within(t), mqtt.Filter{Filter: here + "/there", QoS: 1})
			must(t, err)

			d.tell(map[string]any{"do": "subscribe", "topic": here + "/here"})
			if codes := d.await("subscribed").Codes; len(codes) != 1 || codes[0] != 1 {
				t.Errorf("granted %v", codes)
			}
			d.tell(map[string]any{"do": "publish", "topic": here + "/there", "payload": "from JavaScript", "qos": 1})
			d.await("published")
			for m, err := range sub.Messages(within(t)) {
				must(t, err)
				if string(m.Payload) != "from JavaScript" {
					t.Errorf("our client received %q", m.Payload)
				}
				break
			}
			_, err = peer.Publish(within(t), mqtt.Publish{Topic: here + "/here", Payload: []byte("from Go"), QoS: 1})
			must(t, err)
			if m := d.await("message"); m.Topic != here+"/here" || m.Payload != "from Go" || m.QoS != 1 {
				t.Errorf("the SDK received %+v", m)
			}
			d.stop()
		})
	}
}

// The SDK's refusals are those of the service.
func TestAWSJavaScriptRefused(t *testing.T) {
	t.Parallel()
	sdk := javascriptSDK(t)
	a := newAccount(t)
	wrong, err := a.Credentials(emulator.CredentialOptions{})
	must(t, err)
	wrong.SecretAccessKey = "x"
	for name, c := range map[string]struct {
		jsConfig
		code int
	}{
		"secret":   {jsKey(wrong, 5), 0},
		"password": {jsConfig{Way: "authorizer", Authorizer: &jsAuthorizer{AuthorizerName: "open", Username: "alice", Password: "x"}}, 0x87},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startJavaScript(t, sdk, a, c.jsConfig)
			if refused := d.await("refused"); refused.Code != c.code {
				t.Errorf("refused with %+v, want code %d", refused, c.code)
			}
			d.stop()
		})
	}
}

// jsTicket has nothing that has to be encoded: the SDK leaves its token as it is.
const jsTicket = "a-ticket"

// jsConfig is what testdata/javascript/device.js is told first.
type jsConfig struct {
	Way        string         `json:"way"`
	Version    int            `json:"version,omitempty"`
	Host       string         `json:"host"`
	Port       int            `json:"port"`
	ID         string         `json:"id"`
	CA         string         `json:"ca"`
	Cert       string         `json:"cert"`
	Key        string         `json:"key"`
	Region     string         `json:"region"`
	AccessKey  string         `json:"accessKey,omitempty"`
	SecretKey  string         `json:"secretKey,omitempty"`
	Token      string         `json:"token,omitempty"`
	Authorizer *jsAuthorizer  `json:"authorizer,omitempty"`
	Connect    map[string]any `json:"connect,omitempty"`
}

type jsAuthorizer struct {
	AuthorizerName string `json:"authorizerName"`
	Username       string `json:"username,omitempty"`
	Password       string `json:"password,omitempty"`
	TokenKeyName   string `json:"tokenKeyName,omitempty"`
	TokenValue     string `json:"tokenValue,omitempty"`
	TokenSignature string `json:"tokenSignature,omitempty"`
}

func jsKey(c emulator.Credentials, version int) jsConfig {
	return jsConfig{Way: "websocket", Version: version, AccessKey: c.AccessKeyID, SecretKey: c.SecretAccessKey, Token: c.SessionToken}
}

func port(t testing.TB, endpoint string) int {
	t.Helper()
	_, p, err := net.SplitHostPort(endpoint)
	must(t, err)
	n, err := strconv.Atoi(p)
	must(t, err)
	return n
}

// jsEvent is what the device says.
type jsEvent struct {
	Event    string          `json:"event"`
	Text     string          `json:"text"`
	Code     int             `json:"code"`
	Codes    []int           `json:"codes"`
	Topic    string          `json:"topic"`
	Payload  string          `json:"payload"`
	QoS      int             `json:"qos"`
	Session  bool            `json:"session"`
	Name     string          `json:"name"`
	Answer   json.RawMessage `json:"answer"`
	Rejected json.RawMessage `json:"rejected"`
}

// jsDevice is a process with AWS' SDK.
type jsDevice struct {
	t      *testing.T
	config jsConfig
	in     io.WriteCloser
	events chan jsEvent
	ended  chan error
}

func startJavaScript(t *testing.T, sdk string, a *account, c jsConfig) *jsDevice {
	t.Helper()
	c.Host, c.Port = "localhost", cmp.Or(c.Port, port(t, a.Endpoint()))
	c.CA, c.Cert, c.Key, c.Region = a.files.CA, a.files.Cert, a.files.Key, region
	c.ID = cmp.Or(c.ID, "js-"+itoa(int(worlds.Add(1))))
	ctx, cancel := context.WithTimeout(t.Context(), 4*limit)
	cmd := exec.CommandContext(ctx, "node", filepath.Join(sdk, "device.js"))
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	d := &jsDevice{t: t, config: c, in: in, events: make(chan jsEvent, 1000), ended: make(chan error, 1)}
	go func() {
		defer close(d.events)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var e jsEvent
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				e = jsEvent{Event: "failed", Text: lines.Text()}
			}
			d.events <- e
		}
		d.ended <- cmd.Wait()
	}()
	t.Cleanup(func() {
		cancel()
		_ = in.Close()
		for range d.events {
		}
		<-d.ended
	})
	d.tell(c)
	return d
}

// tell sends a line.
func (d *jsDevice) tell(v any) {
	d.t.Helper()
	line, err := json.Marshal(v)
	must(d.t, err)
	_, err = d.in.Write(append(line, '\n'))
	must(d.t, err)
}

// await waits for an event, and passes over others.
func (d *jsDevice) await(name string) jsEvent {
	d.t.Helper()
	var passed []jsEvent
	for timeout := time.After(4 * limit); ; {
		select {
		case e, ok := <-d.events:
			switch {
			case !ok:
				d.t.Fatalf("the device has ended; it said %+v, but not %s", passed, name)
			case e.Event == name:
				return e
			case e.Event == "failed":
				d.t.Fatalf("the device failed: %s", e.Text)
			}
			passed = append(passed, e)
		case <-timeout:
			d.t.Fatalf("no %s; the device said %+v", name, passed)
		}
	}
}

// stop lets the device say goodbye.
func (d *jsDevice) stop() {
	d.t.Helper()
	must(d.t, d.in.Close())
	d.await("stopped")
}

// javascriptSDK returns a directory with the SDK and the device, which is installed once for every lock file.
func javascriptSDK(t testing.TB) string {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("NOT TESTED: AWS' own SDK against the emulator: %s is not installed", program)
		}
	}
	const source = "testdata/javascript"
	files := map[string][]byte{}
	sum := sha256.New()
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join(source, name))
		must(t, err)
		files[name] = text
		sum.Write(text)
	}
	cache, err := os.UserCacheDir()
	must(t, err)
	cache = filepath.Join(cache, "gneiss-go")
	must(t, os.MkdirAll(cache, 0o755))
	installed := filepath.Join(cache, fmt.Sprintf("aws-iot-device-sdk-v2-%x", sum.Sum(nil)[:8]))
	if _, err := os.Stat(installed); err != nil {
		install(t, cache, installed, files)
	}
	// The device beside the SDK, so that node finds it, in a directory of the test's own.
	dir := t.TempDir()
	must(t, os.Symlink(filepath.Join(installed, "node_modules"), filepath.Join(dir, "node_modules")))
	device, err := os.ReadFile(filepath.Join(source, "device.js"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "device.js"), device, 0o600))
	return dir
}

// install runs npm in a directory of its own, which gets its name when it is complete.
func install(t testing.TB, cache, installed string, files map[string][]byte) {
	t.Helper()
	dir, err := os.MkdirTemp(cache, "installing-")
	must(t, err)
	defer os.RemoveAll(dir)
	for name, text := range files {
		must(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	// The package's binaries come with it: its script only looks whether they are there.
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		if os.Getenv("GNEISS_REQUIRE_EXTERNAL") == "1" || os.Getenv("CI") == "true" {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
		t.Skipf("NOT TESTED: AWS' own SDK against the emulator: npm ci: %v\n%s", err, out)
	}
	if err := os.Rename(dir, installed); err != nil {
		if _, there := os.Stat(installed); there != nil { // somebody else was faster otherwise
			t.Fatal(err)
		}
	}
}
