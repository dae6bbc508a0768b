package emulator_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// A fleet goes on where it was: the same certificates, shadows, jobs and commands.
func TestStateSurvives(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	open := func() *emulator.Server {
		t.Helper()
		s, err := emulator.Start(emulator.Options{StateDir: dir, IoT: iotcore.Options{EnforcePolicies: true}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	d := device(t, s, "lamp")
	if _, err := s.UpdateShadow("lamp", "n", []byte(`{"state":{"desired":{"a":[1,2.50]}}}`)); err != nil {
		t.Fatal(err)
	}
	id := ""
	_, err := s.Credentials(emulator.CredentialOptions{})
	err = errors.Join(err,
		s.SetThing("lamp", "sensor", map[string]string{"k": "v"}),
		s.CreatePolicy("all", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}`),
		s.AttachPolicy("all", d.CertificateARN),
		s.RoleAlias("role", time.Hour),
		s.CreateJob(iotcore.Job{ID: "one", Document: []byte(`{"do":"it"}`), Things: []string{"lamp"}}),
		s.CreateCommand(iotcore.Command{ID: "blink", Payload: []byte{1}}),
		s.PutProvisioningTemplate(iotcore.ProvisioningTemplate{Name: "lamps", Body: template}),
	)
	if err != nil {
		t.Fatal(err)
	}
	if id, err = s.StartCommand("blink", iotcore.CommandTarget{Kind: iotcore.TargetThings, ID: "lamp"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	before, err := s.Shadow("lamp", "n")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, name := range []string{"account.json", "shadows.json", "jobs.json", "provisioning.json", "commands.json", "ca.pem", "ca.key"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		}
		files[name] = string(text)
	}

	s = open()
	conn, err := secure(t, s, s.Endpoint(), d.TLS(), nil) // with the old certificate, trusting the old authority
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, conn, packet.V5)
	c.connect(packet.Connect{ClientID: "lamp", CleanStart: true})
	c.subscribe(1, "$aws/things/lamp/jobs/notify") // which its policy allows
	after, err := s.Shadow("lamp", "n")
	if err != nil || withoutTime(t, before) != withoutTime(t, after) {
		t.Errorf("%s, was %s: %v", after, before, err)
	}
	if x, err := s.JobExecution("one", "lamp"); err != nil || x.Status != iotcore.ExecutionQueued {
		t.Error(x, err)
	}
	if x, err := s.CommandExecution(id); err != nil || x.Status != iotcore.CommandCreated {
		t.Error(x, err)
	}
	if _, err := s.ProvisioningClaim("lamps"); err != nil {
		t.Error(err)
	}
	const other = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iot:*","Resource":"*"}]}`
	if err := s.CreatePolicy("all", other); err == nil {
		t.Error("the policy is gone")
	}
	if err := s.SetPolicy("all", other); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text[:len(text)/2]), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := emulator.Start(emulator.Options{StateDir: dir}); err == nil {
			t.Errorf("started with a damaged %s", name)
			_ = s.Close()
		} else if strings.Contains(err.Error(), "PRIVATE") {
			t.Error("the error holds a key")
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := emulator.Start(emulator.Options{StateDir: dir, IoT: iotcore.Options{Region: "eu-west-1"}}); err == nil {
		t.Error("started in another region")
	}
	if _, err := emulator.Start(emulator.Options{StateDir: dir, Profile: emulator.Generic}); err == nil {
		t.Error("started without an account")
	}
}

// withoutTime is a shadow document but for when it was asked for.
func withoutTime(t *testing.T, document []byte) string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(document, &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "timestamp")
	text, _ := json.Marshal(m)
	return string(text)
}

// What a device changes is on disk soon, without any word to the server.
func TestStateIsWrittenSoon(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, emulator.Options{StateDir: dir, Addr: "127.0.0.1:0"})
	c, _ := connect(t, s, packet.Connect{ClientID: "c", CleanStart: true})
	c.publish(packet.Publish{Topic: "$aws/things/lamp/shadow/update", QoS: 1, Payload: []byte(`{"state":{"reported":{"here":"it is"}}}`)})
	deadline := time.Now().Add(patience)
	for {
		if text, _ := os.ReadFile(filepath.Join(dir, "shadows.json")); strings.Contains(string(text), "it is") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("it is not")
		}
		<-time.After(5 * time.Millisecond)
	}
}

// A state that cannot be written is an error in the end.
func TestStateThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, emulator.Options{StateDir: dir})
	if err := os.Mkdir(filepath.Join(dir, "shadows.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.UpdateShadow("t", "", []byte(`{"state":{}}`)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err == nil {
		t.Error("closed without a word")
	}
}
