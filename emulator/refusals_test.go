package emulator_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// What is refused comes with the rule that it breaks, or with the action and the resource of the statement that is missing.
func TestRefusalsSayWhy(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:iot:us-east-1:123456789012:"
	s := enforcing(t, iotcore.Options{Quotas: iotcore.Quotas{Payload: 100, Connects: iotcore.Unlimited}})
	d := device(t, s, "own")
	attach(t, s, "strict", d)
	publish := func(p packet.Publish) packet.Packet { p.ID, p.QoS = 7, 1; return &p }
	subscribe := func(filters ...string) packet.Packet {
		p := &packet.Subscribe{ID: 7}
		for _, f := range filters {
			p.Filters = append(p.Filters, packet.Filter{Filter: f, QoS: 1})
		}
		return p
	}
	long := strings.Repeat("x", 257)
	for name, tc := range map[string]struct {
		id   string
		p    packet.Packet // after a CONNECT; nil: that is it
		code packet.ReasonCode
		why  string
	}{
		"client identifier":       {"other", nil, packet.NotAuthorized, "no policy allows iot:Connect on " + arn + "client/other"},
		"reserved identifier":     {"$own", nil, packet.ClientIdentifierNotValid, "must not begin with $"},
		"publish":                 {"own", publish(packet.Publish{Topic: "a"}), packet.NotAuthorized, "no policy allows iot:Publish on " + arn + "topic/a"},
		"publish, denied":         {"own", publish(packet.Publish{Topic: "own/own/secret"}), packet.NotAuthorized, "a policy denies iot:Publish on " + arn + "topic/own/own/secret"},
		"publish, retained":       {"own", publish(packet.Publish{Topic: "own/own/x", Retain: true}), packet.NotAuthorized, "no policy allows iot:RetainPublish on " + arn + "topic/own/own/x"},
		"publish, large":          {"own", publish(packet.Publish{Topic: "own/own/x", Payload: make([]byte, 101)}), packet.QuotaExceeded, "payload"},
		"publish, many levels":    {"own", publish(packet.Publish{Topic: "a/b/c/d/e/f/g/h/i"}), packet.TopicNameInvalid, "more than 7 slashes"},
		"publish, long topic":     {"own", publish(packet.Publish{Topic: long}), packet.TopicNameInvalid, "longer than 256 bytes"},
		"publish, properties":     {"own", publish(packet.Publish{Topic: "own/own/x", UserProperties: []packet.UserProperty{{Key: "k", Value: strings.Repeat("v", 9000)}}}), packet.QuotaExceeded, "user properties"},
		"subscribe":               {"own", subscribe("a/+"), packet.NotAuthorized, "no policy allows iot:Subscribe on " + arn + "topicfilter/a/+"},
		"subscribe, a wildcard":   {"own", subscribe("open/+"), packet.NotAuthorized, "topicfilter/open/+"},
		"subscribe, the second":   {"own", subscribe("open/#", "b", "c"), packet.NotAuthorized, "topicfilter/b"},
		"subscribe, shared":       {"own", subscribe("$share/g/open/#"), packet.NotAuthorized, "topicfilter/$share/g/open/#"},
		"subscribe, many levels":  {"own", subscribe("a/b/c/d/e/f/g/h/#"), packet.TopicFilterInvalid, "more than 7 slashes"},
		"subscribe, long filter":  {"own", subscribe(long), packet.TopicFilterInvalid, "longer than 256 bytes"},
		"subscribe, long group":   {"own", subscribe("$share/" + long[:129] + "/a"), packet.TopicFilterInvalid, "longer than 128 bytes"},
		"subscribe, basic ingest": {"own", subscribe("$aws/rules/r/a"), packet.TopicFilterInvalid, "no such topic to subscribe to"},
	} {
		t.Run(name, func(t *testing.T) {
			c := arrive(t, s, d, packet.V5)
			var got []packet.ReasonCode
			why := ""
			if tc.p == nil {
				c.send(&packet.Connect{ClientID: tc.id, CleanStart: true})
				ack := expect[*packet.Connack](c)
				got, why = []packet.ReasonCode{ack.Code}, ack.ReasonString
			} else {
				c.connect(packet.Connect{ClientID: tc.id, CleanStart: true})
				c.send(tc.p)
				if _, ok := tc.p.(*packet.Publish); ok {
					ack := expect[*packet.Puback](c)
					got, why = []packet.ReasonCode{ack.Code}, ack.ReasonString
				} else {
					ack := expect[*packet.Suback](c)
					got, why = ack.Codes, ack.ReasonString
				}
			}
			if got[len(got)-1] != tc.code || !strings.Contains(why, tc.why) {
				t.Errorf("%v %q, want %v %q", got, why, tc.code, tc.why)
			}
		})
	}

	// Who does not want to hear it does not [MQTT-3.1.2-29].
	c := arrive(t, s, d, packet.V5)
	c.connect(packet.Connect{ClientID: "own", CleanStart: true, RequestProblemInformation: packet.Some(false)})
	c.send(subscribe("a"))
	if ack := expect[*packet.Suback](c); ack.ReasonString != "" || ack.Codes[0] != packet.NotAuthorized {
		t.Errorf("%+v", ack)
	}
}

// A policy that cannot be read is refused where it is given, or says so where an authorizer returns it.
func TestPoliciesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, enforce := range []bool{true, false} {
		s := start(t, emulator.Options{IoT: iotcore.Options{EnforcePolicies: enforce, Authorizers: []iotcore.Authorizer{
			{Name: "a", Default: true, Table: []iotcore.Grant{{Decision: iotcore.AuthorizerDecision{Authenticated: true, Policies: []string{`{"Version":"2008-10-17"}`}}}}},
		}}})
		if err := s.RoleAlias("r", 0, "{"); err == nil {
			t.Error("a role has it")
		}
		if _, err := s.Credentials(emulator.CredentialOptions{Policies: []string{allowAll, "{"}}); err == nil {
			t.Error("an access key has it")
		}
		c := authorizing(t, s, nil, packet.V5)
		c.send(&packet.Connect{ClientID: "c", CleanStart: true})
		ack := expect[*packet.Connack](c)
		if enforce && (ack.Code != packet.NotAuthorized || !strings.Contains(ack.ReasonString, "version")) || !enforce && ack.Code != packet.Success {
			t.Errorf("%+v", ack)
		}
	}
}

// The policies that decide on a role see the thing that the request names.
func TestRoleOfThing(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{IoT: iotcore.Options{EnforcePolicies: true}})
	d := device(t, s, "lamp")
	const roles = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:AssumeRoleWithCertificate",` +
		`"Resource":"arn:aws:iot:us-east-1:123456789012:rolealias/of-${iot:Connection.Thing.ThingName}"}}`
	if err := errors.Join(s.CreatePolicy("roles", roles), s.AttachPolicy("roles", d.CertificateARN), s.RoleAlias("of-lamp", 0), s.RoleAlias("of-other", 0)); err != nil {
		t.Fatal(err)
	}
	config := d.TLS()
	config.NextProtos = nil
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	defer web.CloseIdleConnections()
	for _, tc := range []struct {
		alias, thing string
		status       int
	}{{"of-lamp", "lamp", 200}, {"of-lamp", "", 403}, {"of-lamp", "other", 403}, {"of-other", "lamp", 403}} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+s.Endpoint()+"/role-aliases/"+tc.alias+"/credentials", nil)
		if err != nil {
			t.Fatal(err)
		}
		if tc.thing != "" {
			r.Header.Set("x-amzn-iot-thingname", tc.thing)
		}
		answer, err := web.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != tc.status {
			t.Errorf("%+v: %d", tc, answer.StatusCode)
		}
	}
}

// A certificate that was registered and active is refused when it has expired, by the server's clock.
func TestCertificateExpires(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{})
	d := device(t, s, "d")
	arrive(t, s, d, packet.V5).connect(packet.Connect{ClientID: "d", CleanStart: true})
	if err := s.Advance(11 * 365 * 24 * time.Hour); err != nil {
		t.Fatal(err)
	}
	conn, err := secure(t, s, d.Endpoint, d.TLS(), nil)
	if err != nil {
		return
	}
	if p, err := newClient(t, conn, packet.V5).next(); err == nil || !strings.Contains(err.Error(), "tls") {
		t.Errorf("%+v, %v", p, err)
	}
}
