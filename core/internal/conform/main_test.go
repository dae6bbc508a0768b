package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// allShown is a test file that shows every statement about the client.
func allShown(t *testing.T) string {
	t.Helper()
	editions, err := loadEditions()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("package core\n\n")
	for _, e := range editions {
		for _, s := range e.statements {
			if s.client() && deferredFor(s.key(), nil) == "" {
				b.WriteString("// Conformance: " + s.key() + "\n")
			}
		}
	}
	b.WriteString("func TestAll(t *testing.T) {}\n")
	return b.String()
}

func TestCheckPassesOnlyWhenWritten(t *testing.T) {
	t.Parallel()
	root := workspace(t, map[string]string{"core/all_test.go": allShown(t)})
	var out bytes.Buffer
	if err := run(&out, root, true); err == nil || !strings.Contains(err.Error(), "out of date") {
		t.Errorf("check without a table: %v", err)
	}
	if err := run(&out, root, false); err != nil {
		t.Fatal(err)
	}
	if err := run(&out, root, true); err != nil {
		t.Errorf("check right after writing: %v", err)
	}
	path := filepath.Join(root, filepath.FromSlash(table))
	if err := os.WriteFile(path, []byte("edited by hand"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(&out, root, true); err == nil {
		t.Error("check passes on an edited table")
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "edited by hand" {
		t.Errorf("check changed the table: %q, %v", text, err)
	}
}

func TestCheckNamesWhatIsOpen(t *testing.T) {
	t.Parallel()
	shown := strings.Replace(allShown(t), "// Conformance: MQTT-4.6.0-2\n", "", 1)
	root := workspace(t, map[string]string{"core/all_test.go": shown})
	var out bytes.Buffer
	if err := run(&out, root, false); err != nil {
		t.Fatalf("writing a table with an open statement: %v", err)
	}
	if err := run(&out, root, true); err == nil || !strings.Contains(err.Error(), "1 statements") {
		t.Errorf("check with an open statement: %v", err)
	}
	if !strings.Contains(out.String(), "  open MQTT-4.6.0-2  ") {
		t.Errorf("the report does not name it:\n%s", out.String())
	}
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(table)))
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^\| MQTT-4\.6\.0-2 \| .* \| \*\*open\*\* \|$`)
	if len(row.FindAll(text, -1)) != 1 {
		t.Error("the table does not show the statement as open")
	}
}

func TestBrokerTestsDoNotSpeakForTheClient(t *testing.T) {
	t.Parallel()
	shown := strings.Replace(allShown(t), "// Conformance: MQTT-4.6.0-2\n", "", 1)
	root := workspace(t, map[string]string{
		"core/all_test.go":        shown,
		"emulator/broker_test.go": "package emulator\n\n// Conformance: MQTT-4.6.0-2, MQTT-3.3.1-5\nfunc TestBroker(t *testing.T) {}\n",
	})
	if err := run(&bytes.Buffer{}, root, false); err != nil {
		t.Fatal(err)
	}
	if err := run(&bytes.Buffer{}, root, true); err == nil {
		t.Error("a test of the broker closed a statement about the client")
	}
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(table)))
	if err != nil {
		t.Fatal(err)
	}
	_, brokers, _ := strings.Cut(string(text), "## MQTT 5.0: for brokers")
	for _, id := range []string{"MQTT-4.6.0-2", "MQTT-3.3.1-5"} {
		if !regexp.MustCompile(regexp.QuoteMeta("| "+id+" |") + `.*\[TestBroker\]\(\.\./emulator/broker_test\.go\)`).MatchString(brokers) {
			t.Errorf("%s is not listed for brokers with its test", id)
		}
	}
}

func TestDeferrals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key     string
		modules []string
		want    bool
	}{
		{"MQTT-4.12.0-3", nil, true},
		{"MQTT-3.15.2-1", nil, true},
		{"MQTT-3.1.2-30", nil, true},
		{"MQTT-3.1.2-3", nil, false},
		{"v3:MQTT-3.1.2-3", nil, false},
		{"MQTT-6.0.0-1", []string{"core"}, true},
		{"v3:MQTT-6.0.0-4", []string{"core"}, true},
		{"MQTT-6.0.0-1", []string{"core", "builders/websocket"}, false},
	} {
		if got := deferredFor(c.key, c.modules) != ""; got != c.want {
			t.Errorf("%s with modules %q: deferred %v, want %v", c.key, c.modules, got, c.want)
		}
	}
}

func TestRelative(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]string{
		"core/packet/a_test.go": "packet/a_test.go",
		"emulator/a_test.go":    "../emulator/a_test.go",
		"coreless/a_test.go":    "../coreless/a_test.go",
	} {
		if got := relative("core", to); got != want {
			t.Errorf("%s: got %q, want %q", to, got, want)
		}
	}
}
