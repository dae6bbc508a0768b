package emulator_test

import (
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

const allowAll = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*"}}`

// strict is a policy for things: each may use its own topics, and read what is open.
const strict = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot:us-east-1:123456789012:client/${iot:Connection.Thing.ThingName}",
	 "Condition":{"Bool":{"iot:Connection.Thing.IsAttached":"true"}}},
	{"Effect":"Allow","Action":["iot:Publish","iot:Receive"],"Resource":"arn:aws:iot:us-east-1:123456789012:topic/own/${iot:Certificate.Subject.CommonName}/*"},
	{"Effect":"Allow","Action":"iot:Subscribe","Resource":["arn:aws:iot:us-east-1:123456789012:topicfilter/own/${iot:ClientId}/#",
	 "arn:aws:iot:us-east-1:123456789012:topicfilter/open/#"]},
	{"Effect":"Deny","Action":"iot:Publish","Resource":"*/secret"}]}`

func enforcing(t *testing.T, o iotcore.Options) *emulator.Server {
	t.Helper()
	o.EnforcePolicies = true
	s := start(t, emulator.Options{IoT: o})
	for name, doc := range map[string]string{"all": allowAll, "strict": strict} {
		if err := s.CreatePolicy(name, doc); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func attach(t *testing.T, s *emulator.Server, policy string, d *emulator.Device) {
	t.Helper()
	if err := s.AttachPolicy(policy, d.CertificateARN); err != nil {
		t.Fatal(err)
	}
}

// arrive opens a device's connection.
func arrive(t *testing.T, s *emulator.Server, d *emulator.Device, v packet.Version) *client {
	t.Helper()
	conn, err := secure(t, s, d.Endpoint, d.TLS(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, conn, v)
}

func TestPoliciesOfMQTT5(t *testing.T) {
	t.Parallel()
	s := enforcing(t, iotcore.Options{})
	own, bare, admin := device(t, s, "own"), device(t, s, "bare"), device(t, s, "admin")
	attach(t, s, "strict", own)
	attach(t, s, "all", admin)

	arrive(t, s, bare, packet.V5).refusedAs("bare") // no policy at all
	arrive(t, s, own, packet.V5).refusedAs("other") // not its name
	arrive(t, s, own, packet.V5).refusedAs("admin") // a thing, and not its own
	c := arrive(t, s, own, packet.V5)
	c.connect(packet.Connect{ClientID: "own", CleanStart: true})
	c.send(&packet.Subscribe{ID: 1, Filters: []packet.Filter{{Filter: "own/own/#", QoS: 1}, {Filter: "own/other/#"}, {Filter: "own/own/+"}, {Filter: "open/#", QoS: 1}}})
	if codes := expect[*packet.Suback](c).Codes; len(codes) != 4 || codes[0] != 1 || codes[1] != packet.NotAuthorized || codes[2] != packet.NotAuthorized || codes[3] != 1 {
		t.Errorf("codes %v", codes)
	}
	puback := func(topic string, retain bool) packet.ReasonCode {
		t.Helper()
		c.send(&packet.Publish{ID: 7, QoS: 1, Topic: topic, Retain: retain})
		return expect[*packet.Puback](c).Code
	}
	for topic, want := range map[string]packet.ReasonCode{
		"own/own/x": packet.Success, "own/other/x": packet.NotAuthorized, "own/own/secret": packet.NotAuthorized, "$aws/things/own/shadow/update": packet.NotAuthorized,
	} {
		if topic == "own/own/x" {
			continue // its own subscription brings it back
		}
		if code := puback(topic, false); code != want {
			t.Errorf("%s: %s", topic, code)
		}
	}
	if code := puback("own/own/x", true); code != packet.NotAuthorized {
		t.Errorf("retained: %s", code)
	}
	// What it may not receive it does not get, subscribed or not.
	a := arrive(t, s, admin, packet.V5)
	a.connect(packet.Connect{ClientID: "admin", CleanStart: true})
	a.publish(packet.Publish{Topic: "open/1", QoS: 1})
	a.publish(packet.Publish{Topic: "own/own/1", Payload: []byte("one"), QoS: 1})
	c.message("one")
	// Changes count at once.
	if err := s.DetachPolicy("strict", own.CertificateARN); err != nil {
		t.Fatal(err)
	}
	if code := puback("own/own/x", false); code != packet.NotAuthorized {
		t.Errorf("detached: %s", code)
	}
	c.send(&packet.Publish{Topic: "own/other/x"}) // at QoS 0 nothing can be answered
	if d := expect[*packet.Disconnect](c); d.Code != packet.NotAuthorized {
		t.Errorf("%s", d.Code)
	}
	c.gone()
}

// TestPoliciesOfMQTT311: there the connection ends.
func TestPoliciesOfMQTT311(t *testing.T) {
	t.Parallel()
	s := enforcing(t, iotcore.Options{})
	own := device(t, s, "own")
	attach(t, s, "strict", own)
	for name, p := range map[string]packet.Packet{
		"publish 0": &packet.Publish{Topic: "x"}, "publish 1": &packet.Publish{Topic: "x", QoS: 1, ID: 1},
		"subscribe": &packet.Subscribe{ID: 1, Filters: []packet.Filter{{Filter: "x"}}},
	} {
		c := arrive(t, s, own, packet.V311)
		c.connect(packet.Connect{Version: packet.V311, ClientID: "own", CleanStart: true})
		c.send(p)
		if next, err := c.next(); err == nil {
			t.Errorf("%s: %+v", name, next)
		}
	}
	arrive(t, s, own, packet.V311).refusedAs("other")
}

func TestEndOnDenied(t *testing.T) {
	t.Parallel()
	s := enforcing(t, iotcore.Options{EndOnDenied: true})
	own := device(t, s, "own")
	attach(t, s, "strict", own)
	c := arrive(t, s, own, packet.V5)
	c.connect(packet.Connect{ClientID: "own", CleanStart: true})
	c.send(&packet.Subscribe{ID: 1, Filters: []packet.Filter{{Filter: "x"}}})
	if d := expect[*packet.Disconnect](c); d.Code != packet.NotAuthorized {
		t.Errorf("%s", d.Code)
	}
}

// TestConnectConditions: a policy sees what a CONNECT asks for, and what is known of the thing.
func TestConnectConditions(t *testing.T) {
	t.Parallel()
	s := enforcing(t, iotcore.Options{})
	policy := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:Connect","Resource":"*","Condition":{
		"ForAllValues:StringEquals":{"iot:ConnectAttributes":["LastWill"]},
		"StringEqualsIfExists":{"iot:Connection.Thing.Attributes[room]":"kitchen","iot:Connection.Thing.ThingTypeName":"lamp"},
		"ArnEqualsIfExists":{"iot:LastWillTopic":"arn:aws:iot:*:*:topic/wills/*"}}}}`
	if err := s.CreatePolicy("conditions", policy); err != nil {
		t.Fatal(err)
	}
	d := device(t, s, "d")
	attach(t, s, "conditions", d)
	try := func(want bool, p packet.Connect) {
		t.Helper()
		c := arrive(t, s, d, packet.V5)
		p.ClientID, p.CleanStart = "d", true
		c.send(&p)
		if ack := expect[*packet.Connack](c); (ack.Code == packet.Success) != want {
			t.Errorf("%+v: %s", p, ack.Code)
		}
		_ = c.conn.Close()
	}
	try(true, packet.Connect{})
	try(true, packet.Connect{Will: &packet.Will{Topic: "wills/d"}})
	try(false, packet.Connect{Will: &packet.Will{Topic: "elsewhere"}})
	try(false, packet.Connect{SessionExpiry: 10})
	for _, thing := range []struct {
		kind, room string
		want       bool
	}{{"lamp", "kitchen", true}, {"lamp", "bath", false}, {"oven", "kitchen", false}} {
		if err := s.SetThing("d", thing.kind, map[string]string{"room": thing.room}); err != nil {
			t.Fatal(err)
		}
		try(thing.want, packet.Connect{})
	}
}

func TestCertificateStates(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{})
	d := device(t, s, "d")
	c := arrive(t, s, d, packet.V5)
	c.connect(packet.Connect{ClientID: "d", CleanStart: true})
	set := func(status string) {
		t.Helper()
		if err := s.SetCertificateStatus(d.CertificateID, status); err != nil {
			t.Fatal(err)
		}
	}
	set("INACTIVE")
	if m := expect[*packet.Disconnect](c); m.Code != packet.NotAuthorized {
		t.Errorf("%s", m.Code)
	}
	refused := func() {
		t.Helper()
		conn, err := secure(t, s, d.Endpoint, d.TLS(), nil)
		if err != nil {
			return
		}
		c := newClient(t, conn, packet.V5)
		if p, err := c.next(); err == nil || !strings.Contains(err.Error(), "tls") {
			t.Errorf("%+v, %v", p, err)
		}
	}
	refused()
	set("ACTIVE")
	arrive(t, s, d, packet.V5).connect(packet.Connect{ClientID: "d", CleanStart: true})
	set("REVOKED")
	refused()
	if err := s.SetCertificateStatus(d.CertificateID, "LOST"); err == nil {
		t.Error("there is no such status")
	}
	if err := s.SetCertificateStatus("x", "ACTIVE"); err == nil {
		t.Error("there is no such certificate")
	}
}

// TestPoliciesOfOtherPrincipals: access keys and custom authorizers bring policies of their own.
func TestPoliciesOfOtherPrincipals(t *testing.T) {
	t.Parallel()
	s := enforcing(t, iotcore.Options{Authorizers: []iotcore.Authorizer{{Name: "a", Default: true, Table: []iotcore.Grant{
		{Username: "all", Decision: iotcore.AuthorizerDecision{Authenticated: true, Policies: []string{allowAll}}},
		{Username: "none", Decision: iotcore.AuthorizerDecision{Authenticated: true}},
		{Username: "broken", Decision: iotcore.AuthorizerDecision{Authenticated: true, Policies: []string{"{"}}},
	}}}})
	for user, want := range map[string]packet.ReasonCode{"all": packet.Success, "none": packet.NotAuthorized, "broken": packet.NotAuthorized} {
		c := authorizing(t, s, nil, packet.V5)
		c.send(&packet.Connect{ClientID: user, CleanStart: true, HasUsername: true, Username: user})
		if ack := expect[*packet.Connack](c); ack.Code != want {
			t.Errorf("%s: %s", user, ack.Code)
		}
	}
	for _, tc := range []struct {
		o    emulator.CredentialOptions
		want packet.ReasonCode
	}{
		{emulator.CredentialOptions{}, packet.Success},
		{emulator.CredentialOptions{Policies: []string{allowAll}}, packet.Success},
		{emulator.CredentialOptions{Policies: []string{strict}}, packet.NotAuthorized},
	} {
		ws, _, err := socket(t, s, presign(credentials(t, s, tc.o), s.Endpoint(), "us-east-1", s.Now()), "mqtt")
		if err != nil {
			t.Fatal(err)
		}
		c := newClient(t, ws, packet.V5)
		c.send(&packet.Connect{ClientID: "key", CleanStart: true})
		if ack := expect[*packet.Connack](c); ack.Code != tc.want {
			t.Errorf("%v: %s", tc.o.Policies, ack.Code)
		}
	}
}
