package provisioning

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/ca"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

const body = `{
	"Parameters": {"Serial": {"Type": "String"}, "Site": {"Type": "String", "Default": "lab-north"}, "AWS::IoT::Certificate::Id": {"Type": "String"}},
	"Mappings": {"Zone": {"north": {"code": "N1"}}},
	"Resources": {
		"certificate": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"}},
		"policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "devices"}},
		"own": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}}},
		"thing": {"Type": "AWS::IoT::Thing", "OverrideSettings": {"AttributePayload": "MERGE"}, "Properties": {
			"ThingName": {"Fn::Join": ["-", ["dev", {"Ref": "Serial"}]]},
			"ThingTypeName": "sensor",
			"AttributePayload": {"site": {"Fn::Sub": "at ${Site} ${!x}"}, "version": 3}}}},
	"DeviceConfiguration": {
		"zone": {"Fn::FindInMap": ["Zone", {"Fn::Select": ["1", {"Fn::Split": ["-", {"Ref": "Site"}]}]}, "code"]},
		"plain": "text"}}`

type fixture struct {
	t   *testing.T
	s   *Service
	a   *account.Account
	ca  *ca.Authority
	now time.Time
}

// newKey makes a certificate with a key.
func (f *fixture) newKey() (certPEM, keyPEM []byte) {
	f.t.Helper()
	certPEM, keyPEM, err := f.ca.Device("test", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return certPEM, keyPEM
}

func start(t *testing.T) *fixture {
	t.Helper()
	authority, err := ca.New()
	if err != nil {
		t.Fatal(err)
	}
	a := account.New("123456789012", "us-east-1")
	if _, err := a.CreatePolicy("devices", `{"Version":"2012-10-17","Statement":[]}`); err != nil {
		t.Fatal(err)
	}
	n := 0
	s := New(Config{Account: a, NewToken: func() string { n++; return fmt.Sprint("token", n) },
		Sign: func(csr []byte) ([]byte, error) {
			cert, _, err := authority.Device("test", csr)
			return cert, err
		}})
	f := &fixture{t, s, a, authority, time.Now()}
	if err := s.Create(f.now, iotcore.ProvisioningTemplate{Name: "tmpl", Body: body}); err != nil {
		t.Fatal(err)
	}
	return f
}

// csr returns a signing request, with the key that it is for.
func csr(t *testing.T) (string, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), key
}

// send sends a request in JSON, and returns the level of the answer's topic and its body.
func (f *fixture) send(topic string, v any) (string, map[string]any) {
	f.t.Helper()
	payload, ok := v.(string)
	if !ok {
		payload = string(service.Encode(v))
	}
	out, ours := f.s.Handle(&service.Request{Now: f.now, ClientID: "c", CertificateID: "claim", Topic: topic, Payload: []byte(payload)})
	if !ours {
		f.t.Fatalf("%s is not the service's", topic)
	}
	return f.answer(topic, out)
}

func (f *fixture) answer(topic string, out []service.Message) (string, map[string]any) {
	f.t.Helper()
	if len(out) == 0 {
		return "", nil
	}
	if len(out) != 1 || out[0].To != "c" || out[0].Fan {
		f.t.Fatalf("%+v", out)
	}
	var m map[string]any
	if err := json.Unmarshal(out[0].Packet.Payload, &m); err != nil {
		f.t.Fatal(err)
	}
	return strings.TrimPrefix(out[0].Packet.Topic, topic+"/"), m
}

func (f *fixture) fromCSR() (token, id string) {
	f.t.Helper()
	request, _ := csr(f.t)
	what, m := f.send("$aws/certificates/create-from-csr/json", map[string]any{"certificateSigningRequest": request})
	if what != "accepted" {
		f.t.Fatal(m)
	}
	return m["certificateOwnershipToken"].(string), m["certificateId"].(string)
}

const registerTopic = "$aws/provisioning-templates/tmpl/provision/json"

func TestRegister(t *testing.T) {
	t.Parallel()
	f := start(t)
	token, id := f.fromCSR()
	if c := f.a.Certificate(id); c.Status != account.PendingActivation {
		t.Errorf("the certificate is %s before it is registered", c.Status)
	}
	request := map[string]any{"certificateOwnershipToken": token, "parameters": map[string]string{"Serial": "7", "AWS::IoT::Certificate::Id": "forged"}}
	for range 2 { // a device that has lost the answer asks again
		what, m := f.send(registerTopic, request)
		if got := string(service.Encode(m)); what != "accepted" || got != `{"deviceConfiguration":{"plain":"text","zone":"N1"},"thingName":"dev-7"}` {
			t.Fatal(what, got)
		}
	}
	c, thing := f.a.Certificate(id), f.a.Thing("dev-7")
	if c.Status != account.Active || !f.a.Attached("dev-7", c.ARN) || len(f.a.PoliciesOf(c.ARN)) != 2 {
		t.Errorf("%s, %v", c.Status, f.a.PoliciesOf(c.ARN))
	}
	if want := map[string]string{"site": "at lab-north ${x}", "version": "3"}; !maps.Equal(thing.Attributes, want) || thing.Type != "sensor" {
		t.Errorf("%+v", thing)
	}
	f.now = f.now.Add(2 * TokenLifetime)
	f.s.Wake(f.now)
	if f.a.Certificate(id) == nil {
		t.Error("a registered certificate was deleted with its token")
	}
}

func TestKeysMatchTheCertificate(t *testing.T) {
	t.Parallel()
	f := start(t)
	const topic = "$aws/certificates/create/json"
	if what, m := f.send(topic, "{}"); what != "" {
		t.Fatal("answered before there is a key:", what, m)
	}
	orders := f.s.TakeKeyOrders()
	if len(orders) != 1 || len(f.s.TakeKeyOrders()) != 0 {
		t.Fatal(orders)
	}
	certPEM, keyPEM := f.newKey()
	what, m := f.answer(topic, f.s.Deliver(f.now, orders[0], certPEM, keyPEM))
	if what != "accepted" {
		t.Fatal(m)
	}
	key := m["privateKey"].(string)
	pair, err := tls.X509KeyPair([]byte(m["certificatePem"].(string)), []byte(key))
	if err != nil || !strings.HasPrefix(key, "-----BEGIN RSA PRIVATE KEY-----") {
		t.Fatal(err)
	}
	if account.CertificateID(pair.Leaf) != m["certificateId"] {
		t.Error("the identifier is not the certificate's")
	}
}

func TestKeysThatCannotBeMade(t *testing.T) {
	t.Parallel()
	f := start(t)
	const topic = "$aws/certificates/create/json"
	for range 2 {
		f.send(topic, "{}")
	}
	orders := f.s.TakeKeyOrders()
	if what, m := f.answer(topic, f.s.Deliver(f.now, orders[0], nil, nil)); what != "rejected" || m["errorCode"] != "InternalFailure" {
		t.Error(what, m)
	}
	if what, m := f.answer(topic, orders[1].Refuse()); what != "rejected" || m["errorCode"] != "Throttling" {
		t.Error(what, m)
	}
}

func TestCertificateOfARequestHasItsKey(t *testing.T) {
	t.Parallel()
	f := start(t)
	request, key := csr(t)
	what, m := f.send("$aws/certificates/create-from-csr/json", map[string]any{"certificateSigningRequest": request})
	block, _ := pem.Decode([]byte(m["certificatePem"].(string)))
	leaf, err := x509.ParseCertificate(block.Bytes)
	if what != "accepted" || err != nil || !key.PublicKey.Equal(leaf.PublicKey) || m["privateKey"] != nil {
		t.Error(what, m, err)
	}
}

func TestCBOR(t *testing.T) {
	t.Parallel()
	f := start(t)
	send := func(topic string, v any) map[string]any {
		payload, err := cbor.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out, _ := f.s.Handle(&service.Request{Now: f.now, ClientID: "c", Topic: topic, Payload: payload})
		var m map[string]any
		if len(out) != 1 || out[0].Packet.Topic != topic+"/accepted" {
			t.Fatalf("%+v", out)
		}
		if err := cbor.Unmarshal(out[0].Packet.Payload, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	request, _ := csr(t)
	m := send("$aws/certificates/create-from-csr/cbor", map[string]string{"certificateSigningRequest": request})
	m = send("$aws/provisioning-templates/tmpl/provision/cbor", map[string]any{"certificateOwnershipToken": m["certificateOwnershipToken"], "parameters": map[string]string{"Serial": "9"}})
	if m["thingName"] != "dev-9" {
		t.Error(m)
	}
	out, _ := f.s.Handle(&service.Request{Now: f.now, ClientID: "c", Topic: "$aws/certificates/create/cbor", Payload: []byte("{}")})
	if len(out) != 1 || out[0].Packet.Topic != "$aws/certificates/create/cbor/rejected" {
		t.Errorf("JSON on a topic for CBOR: %+v", out)
	}
}

func TestRejections(t *testing.T) {
	t.Parallel()
	f := start(t)
	token, _ := f.fromCSR()
	type object = map[string]any
	for name, c := range map[string]struct {
		topic   string
		payload any
		status  float64
		code    string
	}{
		"json":      {"$aws/certificates/create/json", "[", 400, "InvalidPayload"},
		"no csr":    {"$aws/certificates/create-from-csr/json", "{}", 400, "InvalidPayload"},
		"csr":       {"$aws/certificates/create-from-csr/json", `{"certificateSigningRequest":"x"}`, 400, "InvalidParameter"},
		"template":  {"$aws/provisioning-templates/none/provision/json", "{}", 404, "ResourceNotFound"},
		"no token":  {registerTopic, "{}", 400, "InvalidPayload"},
		"token":     {registerTopic, object{"certificateOwnershipToken": "x"}, 400, "InvalidCertificateOwnershipToken"},
		"parameter": {registerTopic, object{"certificateOwnershipToken": token}, 400, "InvalidParameter"},
		"number":    {registerTopic, object{"certificateOwnershipToken": token, "parameters": object{"Serial": 1}}, 400, "InvalidParameter"},
		"list":      {registerTopic, object{"certificateOwnershipToken": token, "parameters": []int{1}}, 400, "InvalidPayload"},
		"thing":     {registerTopic, object{"certificateOwnershipToken": token, "parameters": object{"Serial": "a/b"}}, 400, "InvalidParameter"},
		"zone":      {registerTopic, object{"certificateOwnershipToken": token, "parameters": object{"Serial": "a", "Site": "lab-east"}}, 400, "InvalidParameter"},
	} {
		what, m := f.send(c.topic, c.payload)
		if what != "rejected" || m["statusCode"] != c.status || m["errorCode"] != c.code || m["errorMessage"] == "" {
			t.Errorf("%s: %s %v", name, what, m)
		}
	}
	if things := f.a.Things(); len(things) != 0 {
		t.Errorf("a refusal has made %v", things)
	}
	for _, topic := range []string{"$aws/certificates/create", "$aws/certificates/create/json/accepted", "$aws/provisioning-templates/tmpl/provision"} {
		if what, _ := f.send(topic, "{}"); what != "" {
			t.Errorf("%s was answered", topic)
		}
	}
}

func TestTokensExpire(t *testing.T) {
	t.Parallel()
	f := start(t)
	token, id := f.fromCSR()
	if at, ok := f.s.NextWake(); !ok || !at.Equal(f.now.Add(time.Hour)) {
		t.Error(at, ok)
	}
	f.now = f.now.Add(time.Hour)
	if _, m := f.send(registerTopic, map[string]any{"certificateOwnershipToken": token}); m["errorCode"] != "InvalidCertificateOwnershipToken" {
		t.Error(m)
	}
	f.s.Wake(f.now)
	if f.a.Certificate(id) != nil {
		t.Error("an unclaimed certificate was kept")
	}
	if _, ok := f.s.NextWake(); ok {
		t.Error("it wakes again")
	}
}

func TestHook(t *testing.T) {
	t.Parallel()
	f := start(t)
	hook := func(context.Context, Event) (Decision, error) { return Decision{}, nil }
	if err := f.s.Put(f.now, iotcore.ProvisioningTemplate{Name: "tmpl", Body: body, Hook: hook}); err != nil {
		t.Fatal(err)
	}
	token, id := f.fromCSR()
	ask := func() Call {
		t.Helper()
		if what, m := f.send(registerTopic, map[string]any{"certificateOwnershipToken": token, "parameters": map[string]string{"Serial": "7"}}); what != "" {
			t.Fatal("answered before the hook", m)
		}
		calls := f.s.TakeCalls()
		if len(calls) != 1 || len(f.s.TakeCalls()) != 0 {
			t.Fatal(calls)
		}
		return calls[0]
	}
	call := ask()
	if e := call.Event; e.CertificateID != id || e.ClaimCertificateID != "claim" || e.ClientID != "c" || e.Parameters["Serial"] != "7" ||
		e.TemplateARN != "arn:aws:iot:us-east-1:123456789012:provisioningtemplate/tmpl" || !strings.HasPrefix(e.CertificatePEM, "-----BEGIN CERTIFICATE") {
		t.Errorf("%+v", e)
	}
	if what, m := f.answer(registerTopic, f.s.Resolve(f.now, call.ID, Decision{Allow: true, Overrides: map[string]string{"Serial": "8"}}, nil)); what != "accepted" || m["thingName"] != "dev-8" {
		t.Error(what, m)
	}
	if out := f.s.Resolve(f.now, call.ID, Decision{Allow: true}, nil); out != nil {
		t.Error("answered twice")
	}
	if _, m := f.answer(registerTopic, f.s.Resolve(f.now, ask().ID, Decision{}, nil)); m["errorCode"] != "AccessDenied" || m["statusCode"] != 403.0 {
		t.Error(m)
	}
	if _, m := f.answer(registerTopic, f.s.Resolve(f.now, ask().ID, Decision{Allow: true}, errors.New("lost"))); m["errorCode"] != "AccessDenied" {
		t.Error(m)
	}
	late := ask()
	if at, ok := f.s.NextWake(); !ok || !at.Equal(f.now.Add(HookTimeout)) {
		t.Error(at, ok)
	}
	if _, m := f.answer(registerTopic, f.s.Wake(f.now.Add(HookTimeout))); m["errorCode"] != "AccessDenied" {
		t.Error(m)
	}
	if out := f.s.Resolve(f.now, late.ID, Decision{Allow: true}, nil); out != nil {
		t.Error("a late decision counted")
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	f := start(t)
	certPEM, keyPEM := f.newKey()
	claim, err := f.s.NewClaim(f.now, "tmpl", certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	if c := f.a.Certificate(claim.CertificateID); c.Status != account.Active || len(f.a.PoliciesOf(c.ARN)) != 1 {
		t.Errorf("%+v", c)
	}
	if strings.Contains(fmt.Sprintf("%v %+v", claim, claim), "PRIVATE") {
		t.Error("the key was printed")
	}
	f.s.Wake(f.now.Add(ClaimLifetime))
	if f.a.Certificate(claim.CertificateID) != nil {
		t.Error("the claim has outlived its time")
	}
	if _, err := f.s.NewClaim(f.now, "none", certPEM, keyPEM); err == nil {
		t.Error("a claim without template")
	}
}

func TestTemplatesThatAreRefused(t *testing.T) {
	t.Parallel()
	f := start(t)
	for name, text := range map[string]string{
		"json":        `{`,
		"empty":       `{}`,
		"long":        `{"Resources":{"t":{"Type":"AWS::IoT::Thing"}},"x":"` + strings.Repeat("x", maxBody) + `"}`,
		"type":        `{"Resources":{"t":{"Type":"AWS::S3::Bucket"}}}`,
		"parameter":   `{"Parameters":{"a":{"Type":"Number"}},"Resources":{"t":{"Type":"AWS::IoT::Thing"}}}`,
		"reference":   `{"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Ref":"Nobody"}}}}}`,
		"in a list":   `{"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Fn::Join":["",[{"Ref":"Nobody"}]]}}}}}`,
		"override":    `{"Resources":{"t":{"Type":"AWS::IoT::Thing","OverrideSettings":{"ThingGroups":"ALL"}}}}`,
		"no resource": `{"Resources":{"t":7}}`,
	} {
		if err := f.s.Put(f.now, iotcore.ProvisioningTemplate{Name: "x", Body: text}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if err := f.s.Create(f.now, iotcore.ProvisioningTemplate{Name: "tmpl", Body: body}); err == nil {
		t.Error("created twice")
	}
	if err := f.s.Put(f.now, iotcore.ProvisioningTemplate{Name: "a b", Body: body}); err == nil {
		t.Error("a name with a blank")
	}
	if list := f.s.Templates(); len(list) != 1 || list[0].Name != "tmpl" {
		t.Errorf("%+v", list)
	}
	if err := f.s.Put(f.now, iotcore.ProvisioningTemplate{Name: "tmpl", Body: body, Disabled: true}); err != nil {
		t.Fatal(err)
	}
	if _, m := f.send(registerTopic, "{}"); m["errorCode"] != "AccessDenied" {
		t.Error(m)
	}
	if err := f.s.Delete("tmpl"); err != nil {
		t.Error(err)
	}
	if err := f.s.Delete("tmpl"); err == nil {
		t.Error("deleted twice")
	}
}

func TestFunctionsThatFail(t *testing.T) {
	t.Parallel()
	s := &scope{map[string]string{"a": "1"}, map[string]any{"m": map[string]any{"k": map[string]any{"v": "x"}}}}
	for _, text := range []string{`{"Ref":"b"}`, `{"Ref":1}`, `{"Fn::Join":"x"}`, `{"Fn::Join":["",7]}`, `{"Fn::Join":[{},[]]}`, `{"Fn::Select":["5",["a"]]}`,
		`{"Fn::Select":["x",["a"]]}`, `{"Fn::FindInMap":["m","k"]}`, `{"Fn::FindInMap":["m","k","w"]}`, `{"Fn::Split":["-"]}`, `{"Fn::Sub":"${b}"}`,
		`{"Fn::Sub":"${a"}`, `{"Fn::Sub":7}`, `{"Fn::Sub":[7,{}]}`, `["a"]`, `null`} {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if got, err := s.text(v); err == nil {
			t.Errorf("%s is %q", text, got)
		}
	}
	var v any
	_ = json.Unmarshal([]byte(`{"Fn::Sub":["${x} ${a} ${!a}",{"x":{"Fn::FindInMap":["m","k","v"]}}]}`), &v)
	if got, err := s.text(v); err != nil || got != "x 1 ${a}" {
		t.Error(got, err)
	}
}

func TestSaveAndLoad(t *testing.T) {
	t.Parallel()
	f := start(t)
	token, _ := f.fromCSR()
	next := New(f.s.c)
	if err := next.Load(f.s.Save()); err != nil || string(next.Save()) != string(f.s.Save()) {
		t.Errorf("%v\n%s\n%s", err, next.Save(), f.s.Save())
	}
	f.s = next
	if what, m := f.send(registerTopic, map[string]any{"certificateOwnershipToken": token, "parameters": map[string]string{"Serial": "7"}}); what != "accepted" {
		t.Error(m)
	}
	for _, text := range []string{"", `{"templates":[{"Name":"x"}]}`, `{"tokens":[null]}`} {
		if err := next.Load([]byte(text)); err == nil {
			t.Errorf("loaded %q", text)
		}
	}
}
