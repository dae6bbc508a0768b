package interop

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// call calls a method of one of the SDK's service clients.
func (d *jsDevice) call(service, method string, request map[string]any) jsEvent {
	d.t.Helper()
	d.tell(map[string]any{"do": "call", "service": service, "method": method, "request": request})
	return d.await("answered")
}

// stream opens one of the SDK's streams of events, and waits until it is subscribed.
func (d *jsDevice) stream(service, method string, request map[string]any) {
	d.t.Helper()
	d.tell(map[string]any{"do": "call", "service": service, "method": method, "request": request, "stream": true})
	d.await("answered")
}

// holds compares what the SDK made of an answer with what it has to hold: every member that is named.
func holds(t *testing.T, what string, got json.RawMessage, want string) {
	t.Helper()
	var g, w any
	must(t, json.Unmarshal([]byte(want), &w))
	if err := json.Unmarshal(got, &g); err != nil || !contains(g, w) {
		t.Errorf("%s: got %s, want %s in it", what, got, want)
	}
}

func contains(got, want any) bool {
	w, ok := want.(map[string]any)
	if !ok {
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		return string(a) == string(b)
	}
	g, ok := got.(map[string]any)
	if !ok {
		return false
	}
	for key, value := range w {
		if !contains(g[key], value) {
			return false
		}
	}
	return true
}

// AWS' own clients of the services work unchanged against those of the emulator: shadows.
func TestAWSJavaScriptShadow(t *testing.T) {
	t.Parallel()
	sdk := javascriptSDK(t)
	a := newAccount(t)
	for name, named := range map[string]map[string]any{"classic": {"thingName": thing}, "named": {"thingName": thing, "shadowName": "settings"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind, shadow := "Shadow", ""
			if name == "named" {
				kind, shadow = "NamedShadow", "settings"
			}
			d := startJavaScript(t, sdk, a, jsConfig{Way: "mtls"})
			d.await("connected")
			with := func(more string) map[string]any {
				request := map[string]any{}
				must(t, json.Unmarshal([]byte(more), &request))
				for k, v := range named {
					request[k] = v
				}
				return request
			}
			holds(t, "no shadow yet", d.call("shadow", "get"+kind, named).Rejected, `{"code": 404}`)
			holds(t, "first update", d.call("shadow", "update"+kind, with(`{"state": {"reported": {"mode": "off", "nested": {"a": 1}}}}`)).Answer,
				`{"version": 1, "state": {"reported": {"mode": "off", "nested": {"a": 1}}}}`)
			d.stream("shadow", "create"+kind+"DeltaUpdatedStream", named)
			d.stream("shadow", "create"+kind+"UpdatedStream", named)

			_, err := a.UpdateShadow(thing, shadow, []byte(`{"state": {"desired": {"mode": "on", "nested": {"a": 1}}}}`))
			must(t, err)
			events := map[string]json.RawMessage{}
			for range 2 {
				e := d.await("stream")
				events[e.Name] = e.Answer
			}
			holds(t, "delta", events["create"+kind+"DeltaUpdatedStream"], `{"version": 2, "state": {"mode": "on"}}`)
			holds(t, "documents", events["create"+kind+"UpdatedStream"],
				`{"previous": {"version": 1}, "current": {"version": 2, "state": {"desired": {"mode": "on"}, "reported": {"mode": "off"}}}}`)
			holds(t, "get", d.call("shadow", "get"+kind, named).Answer, `{"version": 2, "state": {"delta": {"mode": "on"}, "reported": {"mode": "off"}}}`)
			holds(t, "stale version", d.call("shadow", "update"+kind, with(`{"version": 1, "state": {"reported": {"mode": "on"}}}`)).Rejected, `{"code": 409}`)
			holds(t, "second update", d.call("shadow", "update"+kind, with(`{"version": 2, "state": {"reported": {"mode": "on"}}}`)).Answer, `{"version": 3}`)
			holds(t, "no state", d.call("shadow", "update"+kind, with(`{}`)).Rejected, `{"code": 400}`)
			document, err := a.Shadow(thing, shadow)
			must(t, err)
			holds(t, "the shadow at last", document, `{"version": 3, "state": {"desired": {"mode": "on"}, "reported": {"mode": "on", "nested": {"a": 1}}}}`)
			holds(t, "delete", d.call("shadow", "delete"+kind, named).Answer, `{"version": 3}`)
			holds(t, "after that", d.call("shadow", "get"+kind, named).Rejected, `{"code": 404}`)
			d.stop()
		})
	}
}

// Jobs.
func TestAWSJavaScriptJobs(t *testing.T) {
	t.Parallel()
	sdk := javascriptSDK(t)
	a := newAccount(t)
	d := startJavaScript(t, sdk, a, jsConfig{Way: "mtls"})
	d.await("connected")
	me := map[string]any{"thingName": thing}
	with := func(more map[string]any) map[string]any {
		more["thingName"] = thing
		return more
	}
	d.stream("jobs", "createNextJobExecutionChangedStream", me)
	d.stream("jobs", "createJobExecutionsChangedStream", me)
	must(t, a.CreateJob(iotcore.Job{ID: "update-1", Document: json.RawMessage(`{"do": "update"}`), Things: []string{thing}}))
	events := map[string]json.RawMessage{}
	for range 2 {
		e := d.await("stream")
		events[e.Name] = e.Answer
	}
	holds(t, "next", events["createNextJobExecutionChangedStream"], `{"execution": {"jobId": "update-1", "status": "QUEUED", "jobDocument": {"do": "update"}}}`)
	if list := string(events["createJobExecutionsChangedStream"]); !strings.Contains(list, `"update-1"`) {
		t.Errorf("executions: %s", list)
	}
	if list := string(d.call("jobs", "getPendingJobExecutions", me).Answer); !strings.Contains(list, `"queuedJobs":[{"jobId":"update-1"`) {
		t.Errorf("pending: %s", list)
	}
	holds(t, "describe", d.call("jobs", "describeJobExecution", with(map[string]any{"jobId": "update-1"})).Answer, `{"execution": {"status": "QUEUED", "versionNumber": 1}}`)
	holds(t, "start", d.call("jobs", "startNextPendingJobExecution", me).Answer,
		`{"execution": {"jobId": "update-1", "status": "IN_PROGRESS", "versionNumber": 2, "jobDocument": {"do": "update"}}}`)
	holds(t, "wrong version", d.call("jobs", "updateJobExecution", with(map[string]any{"jobId": "update-1", "status": "SUCCEEDED", "expectedVersion": 7})).Rejected,
		`{"code": "VersionMismatch"}`)
	d.call("jobs", "updateJobExecution", with(map[string]any{"jobId": "update-1", "status": "SUCCEEDED", "expectedVersion": 2, "statusDetails": map[string]string{"took": "1 s"}}))
	x, err := a.JobExecution("update-1", thing)
	must(t, err)
	if x.Status != iotcore.ExecutionSucceeded || x.StatusDetails["took"] != "1 s" {
		t.Errorf("the execution is %+v", x)
	}
	holds(t, "no job", d.call("jobs", "describeJobExecution", with(map[string]any{"jobId": "nothing"})).Rejected, `{"code": "ResourceNotFound"}`)
	holds(t, "nothing to start", d.call("jobs", "startNextPendingJobExecution", me).Answer, `{}`)
	d.stop()
}

// Fleet Provisioning: the certificate that the SDK brings home lets a client of ours in.
func TestAWSJavaScriptIdentity(t *testing.T) {
	t.Parallel()
	sdk := javascriptSDK(t)
	a := newAccount(t)
	must(t, a.PutProvisioningTemplate(iotcore.ProvisioningTemplate{Name: "lamps", Body: `{
		"Parameters": {"Serial": {"Type": "String"}},
		"Resources": {
			"thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Fn::Join": ["", ["lamp-", {"Ref": "Serial"}]]}}},
			"certificate": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"}}
		}
	}`}))
	d := startJavaScript(t, sdk, a, jsConfig{Way: "mtls"})
	d.await("connected")
	var made struct {
		CertificateID             string `json:"certificateId"`
		CertificatePEM            string `json:"certificatePem"`
		PrivateKey                string `json:"privateKey"`
		CertificateOwnershipToken string `json:"certificateOwnershipToken"`
	}
	register := func(token, serial string) jsEvent {
		return d.call("identity", "registerThing", map[string]any{
			"templateName": "lamps", "certificateOwnershipToken": token, "parameters": map[string]string{"Serial": serial},
		})
	}
	must(t, json.Unmarshal(d.call("identity", "createKeysAndCertificate", map[string]any{}).Answer, &made))
	holds(t, "register", register(made.CertificateOwnershipToken, "7").Answer, `{"thingName": "lamp-7"}`)
	endpoint, err := awsiot.MTLS(a.Endpoint(), awsiot.PEM([]byte(made.CertificatePEM), []byte(made.PrivateKey)), a.options(nil))
	must(t, err)
	lamp := a.client(t, endpoint, func(c *mqtt.Config) { c.ClientID = "lamp-7" })
	_, err = lamp.Connected(within(t))
	must(t, err)

	key := newKey(t)
	request, err := x509.CreateCertificateRequest(nil, &x509.CertificateRequest{}, key)
	must(t, err)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: request}))
	must(t, json.Unmarshal(d.call("identity", "createCertificateFromCsr", map[string]any{"certificateSigningRequest": text}).Answer, &made))
	holds(t, "register", register(made.CertificateOwnershipToken, "8").Answer, `{"thingName": "lamp-8"}`)
	endpoint, err = awsiot.MTLS(a.Endpoint(), awsiot.Signer([]byte(made.CertificatePEM), key), a.options(nil))
	must(t, err)
	lamp = a.client(t, endpoint, func(c *mqtt.Config) { c.ClientID = "lamp-8" })
	_, err = lamp.Connected(within(t))
	must(t, err)

	holds(t, "no token", register("nothing", "9").Rejected, `{"errorCode": "InvalidCertificateOwnershipToken"}`)
	d.stop()
}
