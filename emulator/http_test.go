package emulator_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// request sends a request to what stands for port 443.
func request(t *testing.T, s *emulator.Server, config *tls.Config, method, path, body string) (int, string, map[string]any) {
	t.Helper()
	config.NextProtos = []string{"x-amzn-http-ca"}
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://"+s.Endpoint()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Client{Transport: transport, Timeout: patience}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return answer.StatusCode, answer.Header.Get("X-Amzn-Errortype"), m
}

// A device uses the data planes with its certificate, and nothing of the control plane.
func TestDeviceByHTTP(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{})
	d := device(t, s, "lamp")
	if err := s.CreateJob(iotcore.Job{ID: "one", Document: []byte(`{"do":"it"}`), Things: []string{"lamp"}}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		method, path, body string
		status             int
		kind               string // of the error
		want               string // in the answer
	}{
		{"POST", "/things/lamp/shadow", `{"state":{"reported":{"on":true}}}`, 200, "", `"version":1`},
		{"GET", "/things/lamp/shadow", "", 200, "", `"on":true`},
		{"POST", "/things/lamp/shadow", `{"state":{},"version":7}`, 409, "ConflictException", `{"message":"Version conflict"}`},
		{"GET", "/things/lamp/shadow?name=x", "", 404, "ResourceNotFoundException", `'x'`},
		{"DELETE", "/things/lamp/shadow", "", 200, "", `"version":1`},
		{"GET", "/things/lamp/jobs", "", 200, "", `"queuedJobs":[{`},
		{"PUT", "/things/lamp/jobs/$next", `{"statusDetails":{"a":"b"}}`, 200, "", `"jobDocument":"{\"do\":\"it\"}"`},
		{"GET", "/things/lamp/jobs/$next?includeJobDocument=false", "", 200, "", `"status":"IN_PROGRESS"`},
		{"GET", "/things/lamp/jobs/one?executionNumber=1", "", 200, "", `"statusDetails":{"a":"b"}`},
		{"GET", "/things/lamp/jobs/one?executionNumber=x", "", 400, "InvalidRequestException", "executionNumber"},
		{"POST", "/things/lamp/jobs/one", `{"status":"FAILED","expectedVersion":1}`, 409, "ConflictException", "found version 2"},
		{"POST", "/things/lamp/jobs/one", `{"status":"SUCCEEDED","includeJobExecutionState":true}`, 200, "", `"versionNumber":3`},
		{"POST", "/things/lamp/jobs/one", `{"status":"FAILED"}`, 410, "TerminalStateException", "SUCCEEDED"},
		{"POST", "/things/lamp/jobs/one", `[`, 400, "InvalidRequestException", "message"},
		{"PUT", "/things/lamp/jobs/one", `{}`, 405, "MethodNotAllowedException", "$next"},
		{"POST", "/topics/a%2Fb?qos=1&retain=true", "hello", 200, "", "OK"},
		{"POST", "/topics/a/b?qos=2", "", 400, "InvalidRequestException", "qos"},
		{"POST", "/topics/a/b?messageExpiry=x", "", 400, "InvalidRequestException", "messageExpiry"},
		{"GET", "/retainedMessage/a%2Fb", "", 200, "", `"payload":"aGVsbG8="`},
		{"GET", "/retainedMessage/a%2F%2B", "", 400, "InvalidRequestException", "topic"},
		{"GET", "/things", "", 403, "ForbiddenException", "Forbidden"},
		{"POST", "/things/more", "{}", 403, "ForbiddenException", "Forbidden"},
		{"POST", "/keys-and-certificate", "", 403, "ForbiddenException", "Forbidden"},
		{"POST", "/command-executions", "{}", 403, "ForbiddenException", "Forbidden"},
		{"GET", "/nothing/here", "", 404, "ResourceNotFoundException", "nothing"},
	} {
		status, kind, m := request(t, s, d.TLS(), step.method, step.path, step.body)
		text, _ := json.Marshal(m)
		if status != step.status || kind != step.kind || !strings.Contains(string(text), step.want) {
			t.Errorf("%s %s: %d %s %s", step.method, step.path, status, kind, text)
		}
	}
}

// Where policies are in force they hold for HTTP too, with the actions of HTTP.
func TestPoliciesByHTTP(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{IoT: iotcore.Options{EnforcePolicies: true}})
	d := device(t, s, "lamp")
	for _, path := range []string{"/things/lamp/shadow", "/things/lamp/jobs", "/retainedMessage/t"} {
		if status, _, m := request(t, s, d.TLS(), "GET", path, ""); status != 403 {
			t.Errorf("%s: %d %v", path, status, m)
		}
	}
	if status, _, m := request(t, s, d.TLS(), "POST", "/topics/t", ""); status != 403 {
		t.Errorf("%d %v", status, m)
	}
}
