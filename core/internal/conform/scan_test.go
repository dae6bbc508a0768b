package main

import (
	"slices"
	"strings"
	"testing"
)

// scanFiles scans a workspace made of the files against the real statements.
func scanFiles(t *testing.T, files map[string]string) (map[string][]proof, error) {
	t.Helper()
	editions, err := loadEditions()
	if err != nil {
		t.Fatal(err)
	}
	return scan(workspace(t, files), []string{"core", "emulator"}, editions)
}

func TestScanReadsMarkers(t *testing.T) {
	t.Parallel()
	got, err := scanFiles(t, map[string]string{
		"core/packet/string_test.go": `package packet

import "testing"

// TestString shows two statements.
//
// Conformance: MQTT-1.5.4-1, MQTT-1.5.4-2
// Conformance: v3:MQTT-1.5.3-1
func TestString(t *testing.T) {}

// Conformance: MQTT-1.5.4-1
func FuzzString(f *testing.F) {}

// An ordinary remark on conformance: nothing.
func helper() {}
`,
		"core/engine/engine_test.go":            "package engine\n",
		"core/engine/testdata/qos/resume.txt":   "# Conformance: MQTT-4.4.0-1\n# a remark\n> PUBLISH\n",
		"core/engine/testdata/notes.md":         "# Conformance: MQTT-4.3.1-1\n",
		"core/packet/testdata/golden_test.go":   "not Go at all",
		"core/_old/old_test.go":                 "not Go at all",
		"core/.hidden/old_test.go":              "not Go at all",
		"core/nested/go.mod":                    "module example.org/nested\n",
		"core/nested/nested_test.go":            "not Go at all",
		"core/engine/testdata/twice/twice.txt":  "# Conformance: X-ACK-2\n# Conformance: X-ACK-2\n",
		"core/engine/testdata/crlf/windows.txt": "# Conformance: X-RM-1\r\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]proof{
		"MQTT-1.5.4-1":    {{"FuzzString", "core/packet/string_test.go", true}, {"TestString", "core/packet/string_test.go", true}},
		"MQTT-1.5.4-2":    {{"TestString", "core/packet/string_test.go", true}},
		"v3:MQTT-1.5.3-1": {{"TestString", "core/packet/string_test.go", true}},
		"MQTT-4.4.0-1":    {{"resume", "core/engine/testdata/qos/resume.txt", true}},
		"X-ACK-2":         {{"twice", "core/engine/testdata/twice/twice.txt", true}},
		"X-RM-1":          {{"windows", "core/engine/testdata/crlf/windows.txt", true}},
	}
	for id, proofs := range want {
		if !slices.Equal(got[id], proofs) {
			t.Errorf("%s: got %v, want %v", id, got[id], proofs)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d statements, want %d: %v", len(got), len(want), got)
	}
}

func TestScanTellsClientFromBroker(t *testing.T) {
	t.Parallel()
	got, err := scanFiles(t, map[string]string{
		"emulator/broker_test.go": "package emulator\n\n// Conformance: MQTT-3.3.1-5\nfunc TestRetain(t *testing.T) {}\n",
		"emulator/client_test.go": "package emulator\n\nimport \"github.com/gneiss-mqtt/gneiss-go/core/mqtt\"\n\n" +
			"// Conformance: MQTT-4.5.0-2\nfunc TestAck(t *testing.T) { _ = mqtt.New }\n",
		"emulator/testdata/will.txt": "# Conformance: MQTT-3.1.2-10\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{"MQTT-3.3.1-5": false, "MQTT-4.5.0-2": true, "MQTT-3.1.2-10": false} {
		if len(got[id]) != 1 || got[id][0].client != want {
			t.Errorf("%s: got %v, want one proof with client %v", id, got[id], want)
		}
	}
}

func TestScanRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, text, want string }{
		"unknown id": {
			"core/a_test.go", "package a\n\n// Conformance: MQTT-9.9.9-9\nfunc TestA(t *testing.T) {}\n",
			`core/a_test.go:3: unknown statement "MQTT-9.9.9-9"`,
		},
		"unknown id in a transcript": {"core/testdata/a.txt", "#\n# Conformance: v3:X-ACK-2\n", `core/testdata/a.txt:2: unknown statement "v3:X-ACK-2"`},
		"blank line below": {
			"core/a_test.go", "package a\n\n// Conformance: X-ACK-2\n\nfunc TestA(t *testing.T) {}\n",
			"core/a_test.go: line 3: the marker is not directly above a test function",
		},
		"above a helper":  {"core/a_test.go", "package a\n\n// Conformance: X-ACK-2\nfunc help() {}\n", "not directly above a test"},
		"above a method":  {"core/a_test.go", "package a\n\n// Conformance: X-ACK-2\nfunc (s suite) TestA() {}\n", "not directly above a test"},
		"above TestMain":  {"core/a_test.go", "package a\n\n// Conformance: X-ACK-2\nfunc TestMain(m *testing.M) {}\n", "not directly above a test"},
		"inside a test":   {"core/a_test.go", "package a\n\nfunc TestA(t *testing.T) {\n\t// Conformance: X-ACK-2\n}\n", "line 4: the marker"},
		"missing comma":   {"core/a_test.go", "package a\n\n// Conformance: X-ACK-2 X-ACK-1\nfunc TestA(t *testing.T) {}\n", "separated by commas"},
		"trailing comma":  {"core/testdata/a.txt", "# Conformance: X-ACK-2,\n", "separated by commas"},
		"no identifiers":  {"core/testdata/a.txt", "# Conformance:\n", "separated by commas"},
		"broken Go":       {"core/a_test.go", "package", "core/a_test.go"},
		"read by no test": {"core/lost/testdata/a.txt", "# Conformance: X-ACK-2\n", "no test beside its testdata folder"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := scanFiles(t, map[string]string{"core/all_test.go": "package a\n", c.file: c.text})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
}
