package emulator_test

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
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
	"github.com/gneiss-mqtt/gneiss-go/emulator/memnet"
)

// cloudBubble runs a test with the AWS profile on an in-memory network, in virtual time.
func cloudBubble(t *testing.T, f func(t *testing.T, s *emulator.Server, mem *memnet.Network)) {
	t.Helper()
	cloudBubbleWith(t, emulator.Options{}, f)
}

func cloudBubbleWith(t *testing.T, o emulator.Options, f func(t *testing.T, s *emulator.Server, mem *memnet.Network)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mem := memnet.New(memnet.Link{}, 1)
		o.Mem = mem
		s, err := emulator.Start(o)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		f(t, s, mem)
	})
}

// peer is a client of core/mqtt that keeps what arrives.
type peer struct {
	t *testing.T
	*mqtt.Client
	inbox chan mqtt.Message
	early []mqtt.Message // came before what the test has waited for
}

// join connects with a certificate, or without one to the listener that asks nobody.
func join(t *testing.T, s *emulator.Server, mem *memnet.Network, id string, pair *tls.Certificate, filters ...string) *peer {
	t.Helper()
	p := &peer{t: t, inbox: make(chan mqtt.Message, 100)}
	connect := s.Dial
	if pair != nil {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(s.CA())
		connect = func(ctx context.Context) (net.Conn, error) {
			conn, err := mem.DialContext(ctx, "mem", s.Endpoint8883())
			if err != nil {
				return nil, err
			}
			c := tls.Client(conn, &tls.Config{RootCAs: roots, ServerName: "localhost", Certificates: []tls.Certificate{*pair}, MinVersion: tls.VersionTLS12})
			return c, c.HandshakeContext(ctx)
		}
	}
	c, err := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: connect}, ClientID: id, CleanStart: true,
		Handler: func(m mqtt.Message) { p.inbox <- m }})
	if err != nil {
		t.Fatal(err)
	}
	p.Client = c
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for _, f := range filters {
		if _, err := c.SubscribeFunc(t.Context(), func(m mqtt.Message) { p.inbox <- m }, mqtt.Filter{Filter: f, QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func (p *peer) publish(topic, payload string) {
	p.t.Helper()
	if _, err := p.Publish(p.t.Context(), mqtt.Publish{Topic: topic, QoS: 1, Payload: []byte(payload)}); err != nil {
		p.t.Fatal(err)
	}
}

// next returns the payload of the next message on a topic. Between subscriptions there is no order: the client has a
// handler for each.
func (p *peer) next(topic string) (body map[string]any) {
	p.t.Helper()
	payload := func() []byte {
		for i, m := range p.early {
			if m.Topic == topic {
				p.early = slices.Delete(p.early, i, i+1)
				return m.Payload
			}
		}
		for late := time.After(time.Minute); ; {
			select {
			case m := <-p.inbox:
				if m.Topic == topic {
					return m.Payload
				}
				p.early = append(p.early, m)
			case <-late:
				p.t.Fatalf("nothing on %s, but %v", topic, p.early)
			}
		}
	}()
	if err := json.Unmarshal(payload, &body); err != nil {
		p.t.Fatal(err)
	}
	return body
}

// quiet expects that nothing has arrived.
func (p *peer) quiet() {
	p.t.Helper()
	synctest.Wait()
	for _, m := range p.early {
		p.t.Errorf("also a message on %s: %s", m.Topic, m.Payload)
	}
	select {
	case m := <-p.inbox:
		p.t.Fatalf("also a message on %s: %s", m.Topic, m.Payload)
	default:
	}
}

func (p *peer) leave() {
	p.t.Helper()
	if err := p.Close(); err != nil {
		p.t.Error(err)
	}
}

const shadowOf = "$aws/things/lamp/shadow/"

// The device hears of a change by the cloud, does it and says so; the answer comes though it has not subscribed to it.
func TestShadowEndToEnd(t *testing.T) {
	cloudBubble(t, func(t *testing.T, s *emulator.Server, mem *memnet.Network) {
		device := join(t, s, mem, "lamp", nil, shadowOf+"update/delta")
		defer device.leave()
		watcher := join(t, s, mem, "watcher", nil, shadowOf+"update/+")
		defer watcher.leave()
		if _, err := s.UpdateShadow("lamp", "", []byte(`{"state":{"desired":{"on":true}},"clientToken":"cloud"}`)); err != nil {
			t.Fatal(err)
		}
		if m := device.next(shadowOf + "update/delta"); m["version"] != 1.0 || m["state"].(map[string]any)["on"] != true || m["clientToken"] != "cloud" {
			t.Error(m)
		}
		device.publish(shadowOf+"update", `{"state":{"reported":{"on":true}},"version":1,"clientToken":"k"}`)
		if m := device.next(shadowOf + "update/accepted"); m["version"] != 2.0 || m["clientToken"] != "k" {
			t.Error(m)
		}
		device.publish(shadowOf+"update", `{"state":{"reported":{"on":false}},"version":1}`)
		if m := device.next(shadowOf + "update/rejected"); m["code"] != 409.0 {
			t.Error(m)
		}
		device.quiet()
		for _, what := range []string{"accepted", "documents", "delta", "accepted", "documents", "rejected"} {
			watcher.next(shadowOf + "update/" + what)
		}
		watcher.quiet()
		if text, err := s.Shadow("lamp", ""); err != nil || !strings.Contains(string(text), `"reported":{"on":true}`) {
			t.Error(string(text), err)
		}
		if err := s.DeleteShadow("lamp", ""); err != nil {
			t.Error(err)
		}
		_, err := s.Shadow("lamp", "")
		if e, ok := errors.AsType[*iotcore.Error](err); !ok || e.Code != "404" || e.Service != "shadow" {
			t.Error(err)
		}
	})
}

const jobsOf = "$aws/things/lamp/jobs/"

func TestJobEndToEnd(t *testing.T) {
	cloudBubble(t, func(t *testing.T, s *emulator.Server, mem *memnet.Network) {
		device := join(t, s, mem, "lamp", nil, jobsOf+"notify-next")
		defer device.leave()
		other := join(t, s, mem, "other", nil, jobsOf+"start-next/+", jobsOf+"+/update/+")
		defer other.leave()
		create := func(id string, minutes int) {
			t.Helper()
			if err := s.CreateJob(iotcore.Job{ID: id, Document: []byte(`{"do":"update"}`), Things: []string{"lamp"}, TimeoutMinutes: minutes}); err != nil {
				t.Fatal(err)
			}
		}
		create("one", 10)
		device.next(jobsOf + "notify-next")
		device.publish(jobsOf+"start-next", `{}`)
		x := device.next(jobsOf + "start-next/accepted")["execution"].(map[string]any)
		if x["jobId"] != "one" || x["jobDocument"].(map[string]any)["do"] != "update" || x["approximateSecondsBeforeTimedOut"] != 600.0 {
			t.Error(x)
		}
		create("two", 10)
		device.publish(jobsOf+"one/update", `{"status":"SUCCEEDED","expectedVersion":2,"statusDetails":{"took":"1s"}}`)
		device.next(jobsOf + "one/update/accepted")
		device.next(jobsOf + "notify-next")
		device.publish(jobsOf+"two/update", `{"status":"IN_PROGRESS"}`)
		device.next(jobsOf + "two/update/accepted")
		time.Sleep(11 * time.Minute) // and no word more
		device.next(jobsOf + "notify-next")
		device.quiet()
		other.quiet() // answers are for those who ask
		for id, want := range map[string]iotcore.ExecutionStatus{"one": iotcore.ExecutionSucceeded, "two": iotcore.ExecutionTimedOut} {
			if x, err := s.JobExecution(id, "lamp"); err != nil || x.Status != want {
				t.Errorf("%s: %+v %v", id, x, err)
			}
		}
		if j, err := s.Job("one"); err != nil || j.Status != iotcore.JobCompleted {
			t.Error(j, err)
		}
		create("three", 0)
		if err := errors.Join(s.CancelJobExecution("three", "lamp", false), s.DeleteJob("three", true)); err != nil {
			t.Error(err)
		}
		create("four", 0)
		if err := s.CancelJob("four", false); err != nil {
			t.Error(err)
		}
	})
}

func TestCommandEndToEnd(t *testing.T) {
	cloudBubble(t, func(t *testing.T, s *emulator.Server, mem *memnet.Network) {
		device := join(t, s, mem, "lamp", nil, "$aws/commands/things/lamp/executions/+/request/json")
		defer device.leave()
		if err := s.CreateCommand(iotcore.Command{ID: "blink", Payload: []byte(`{"times":3}`), ContentType: "application/json"}); err != nil {
			t.Fatal(err)
		}
		target := iotcore.CommandTarget{Kind: iotcore.TargetThings, ID: "lamp"}
		id, err := s.StartCommand("blink", target, 0)
		if err != nil {
			t.Fatal(err)
		}
		m := <-device.inbox
		prefix := "$aws/commands/things/lamp/executions/" + id + "/"
		if m.Topic != prefix+"request/json" || string(m.Payload) != `{"times":3}` || m.ContentType != "application/json" || m.Expiry != 10*time.Second {
			t.Errorf("%+v", m)
		}
		device.publish(prefix+"response/json", `{"status":"SUCCEEDED","result":{"blinks":{"s":"3"}}}`)
		if m := device.next(prefix + "response/accepted/json"); m["executionId"] != id {
			t.Error(m)
		}
		if x, err := s.CommandExecution(id); err != nil || !x.Final || x.Status != iotcore.CommandSucceeded || *x.Result["blinks"].S != "3" {
			t.Errorf("%+v %v", x, err)
		}
		if id, err = s.StartCommand("blink", target, time.Minute); err != nil {
			t.Fatal(err)
		}
		if err := s.Advance(time.Minute); err != nil {
			t.Fatal(err)
		}
		if x, err := s.CommandExecution(id); err != nil || x.Final || x.Status != iotcore.CommandTimedOut || x.Reason.Code != iotcore.NoResponse {
			t.Errorf("%+v %v", x, err)
		}
	})
}

const template = `{"Parameters":{"Serial":{"Type":"String"}},"Resources":{
	"thing":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Ref":"Serial"}}},
	"certificate":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"},"Status":"Active"}},
	"policy":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}}}}}`

// A device comes with the certificate of a claim, leaves with one of its own, and is let in with it.
func TestProvisioningEndToEnd(t *testing.T) {
	o := emulator.Options{IoT: iotcore.Options{EnforcePolicies: true}}
	cloudBubbleWith(t, o, func(t *testing.T, s *emulator.Server, mem *memnet.Network) {
		asked := make(chan iotcore.ProvisioningEvent, 10)
		hook := func(_ context.Context, e iotcore.ProvisioningEvent) (iotcore.ProvisioningDecision, error) {
			asked <- e
			if e.Parameters["Serial"] == "panic" {
				panic("a broken hook")
			}
			return iotcore.ProvisioningDecision{Allow: e.Parameters["Serial"] != "forged"}, nil
		}
		if err := s.PutProvisioningTemplate(iotcore.ProvisioningTemplate{Name: "lamps", Body: template, Hook: hook}); err != nil {
			t.Fatal(err)
		}
		claim, err := s.ProvisioningClaim("lamps")
		if err != nil {
			t.Fatal(err)
		}
		pair, err := tls.X509KeyPair(claim.CertPEM, claim.KeyPEM)
		if err != nil {
			t.Fatal(err)
		}
		c := join(t, s, mem, "claim", &pair)
		if _, err := c.Publish(t.Context(), mqtt.Publish{Topic: "elsewhere", QoS: 1}); err == nil {
			t.Error("a claim may publish everywhere")
		}
		key, request := signingRequest(t)
		c.publish("$aws/certificates/create-from-csr/json", `{"certificateSigningRequest":`+request+`}`)
		made := c.next("$aws/certificates/create-from-csr/json/accepted")
		register := func(serial string) {
			c.publish("$aws/provisioning-templates/lamps/provision/json", `{"certificateOwnershipToken":"`+made["certificateOwnershipToken"].(string)+`","parameters":{"Serial":"`+serial+`"}}`)
		}
		block, _ := pem.Decode([]byte(made["certificatePem"].(string)))
		own := tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key}
		for _, serial := range []string{"forged", "panic"} {
			register(serial)
			if m := c.next("$aws/provisioning-templates/lamps/provision/json/rejected"); m["statusCode"] != 403.0 {
				t.Error(m)
			}
			<-asked
		}
		register("lamp-7")
		if m := c.next("$aws/provisioning-templates/lamps/provision/json/accepted"); m["thingName"] != "lamp-7" {
			t.Error(m)
		}
		if e := <-asked; e.ClientID != "claim" || e.ClaimCertificateID != claim.CertificateID || e.CertificateID != made["certificateId"] {
			t.Errorf("%+v", e)
		}
		c.leave()
		d := join(t, s, mem, "lamp-7", &own, shadowOf+"update/accepted")
		d.leave()
	})
}

// signingRequest returns a new key, and a signing request for it as JSON text.
func signingRequest(t *testing.T) (key *ecdsa.PrivateKey, request string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})))
	if err != nil {
		t.Fatal(err)
	}
	return key, string(text)
}

// A hook that does not answer is denied after 5 s, and does not keep the server from closing.
func TestHookThatHangs(t *testing.T) {
	cloudBubble(t, func(t *testing.T, s *emulator.Server, mem *memnet.Network) {
		hang := func(ctx context.Context, _ iotcore.ProvisioningEvent) (iotcore.ProvisioningDecision, error) {
			<-ctx.Done()
			return iotcore.ProvisioningDecision{Allow: true}, nil
		}
		if err := s.PutProvisioningTemplate(iotcore.ProvisioningTemplate{Name: "lamps", Body: template, Hook: hang}); err != nil {
			t.Fatal(err)
		}
		c := join(t, s, mem, "c", nil)
		defer c.leave()
		_, request := signingRequest(t)
		c.publish("$aws/certificates/create-from-csr/json", `{"certificateSigningRequest":`+request+`}`)
		token := c.next("$aws/certificates/create-from-csr/json/accepted")["certificateOwnershipToken"].(string)
		for range 2 {
			c.publish("$aws/provisioning-templates/lamps/provision/json", `{"certificateOwnershipToken":"`+token+`","parameters":{"Serial":"x"}}`)
		}
		began := time.Now()
		for range 2 {
			if m := c.next("$aws/provisioning-templates/lamps/provision/json/rejected"); m["errorCode"] != "AccessDenied" {
				t.Error(m)
			}
		}
		if d := time.Since(began); d != 5*time.Second {
			t.Errorf("denied after %v", d)
		}
		c.publish("$aws/provisioning-templates/lamps/provision/json", `{"certificateOwnershipToken":"`+token+`","parameters":{"Serial":"x"}}`)
	})
}

func TestFaults(t *testing.T) {
	cloudBubble(t, func(t *testing.T, s *emulator.Server, mem *memnet.Network) {
		c := join(t, s, mem, "c", nil)
		defer c.leave()
		inject := func(f iotcore.Fault) func() {
			t.Helper()
			remove, err := s.InjectFault(f)
			if err != nil {
				t.Fatal(err)
			}
			return remove
		}
		update := func() { c.publish(shadowOf+"update", `{"state":{},"clientToken":"k"}`) }
		inject(iotcore.Fault{Topic: "$aws/things/+/shadow/update", Times: 1, Reject: "429", Message: "slow down"})
		inject(iotcore.Fault{Topic: "$aws/things/#", Times: 1, Drop: true})
		inject(iotcore.Fault{Topic: "$aws/things/lamp/shadow/update", Times: 1, Delay: 30 * time.Second})
		update()
		if m := c.next(shadowOf + "update/rejected"); m["code"] != 429.0 || m["message"] != "slow down" || m["clientToken"] != "k" {
			t.Error(m)
		}
		update()
		c.quiet()
		began := time.Now()
		update()
		if m := c.next(shadowOf + "update/accepted"); m["version"] != 2.0 || time.Since(began) != 30*time.Second {
			t.Error(m, time.Since(began))
		}
		remove := inject(iotcore.Fault{Topic: "#", Reject: "RequestThrottled"})
		removeOther := inject(iotcore.Fault{Topic: "$aws/#", Reject: "RequestThrottled"})
		for request, answer := range map[string]string{
			jobsOf + "get": jobsOf + "get/rejected", "$aws/certificates/create/json": "$aws/certificates/create/json/rejected",
			"$aws/commands/things/t/executions/x/response/json": "$aws/commands/things/t/executions/x/response/rejected/json",
		} {
			c.publish(request, "{}")
			c.next(answer)
		}
		remove()
		remove()
		removeOther()
		// What needs a key is answered later, and befallen all the same.
		inject(iotcore.Fault{Topic: "$aws/certificates/create/json", Times: 1, Drop: true})
		inject(iotcore.Fault{Topic: "$aws/certificates/create/json", Times: 1, Delay: 30 * time.Second})
		began = time.Now()
		c.publish("$aws/certificates/create/json", "{}")
		c.publish("$aws/certificates/create/json", "{}")
		c.next("$aws/certificates/create/json/accepted")
		if d := time.Since(began); d < 30*time.Second {
			t.Error("answered after", d)
		}
		c.quiet()
	})
}

// Keys are made one after the other and in order; whoever else there is does not wait for them.
func TestNobodyWaitsForTheKeysOfOthers(t *testing.T) {
	cloudBubble(t, func(t *testing.T, s *emulator.Server, mem *memnet.Network) {
		c, other := join(t, s, mem, "c", nil), join(t, s, mem, "other", nil)
		defer c.leave()
		defer other.leave()
		const keys = 20
		for range keys {
			c.publish("$aws/certificates/create/json", "{}")
		}
		other.publish(shadowOf+"update", `{"state":{}}`)
		other.next(shadowOf + "update/accepted")
		made := s.Stats().MessagesOut
		ids := map[any]bool{}
		for range keys {
			ids[c.next("$aws/certificates/create/json/accepted")["certificateId"]] = true
		}
		if len(ids) != keys {
			t.Errorf("%d certificates", len(ids))
		}
		if made > keys/2 {
			t.Errorf("%d messages had been sent by the time that the other client was answered", made)
		}
	})
}

// The generic profile has none of it.
func TestServicesNeedTheProfile(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{Profile: emulator.Generic})
	if _, err := s.Shadow("t", ""); !errors.Is(err, emulator.ErrNotAWS) {
		t.Error(err)
	}
	if err := s.CreateJob(iotcore.Job{}); !errors.Is(err, emulator.ErrNotAWS) {
		t.Error(err)
	}
}

func TestDefenderAndTunnelEndToEnd(t *testing.T) {
	cloudBubble(t, func(t *testing.T, s *emulator.Server, mem *memnet.Network) {
		c := join(t, s, mem, "c", nil, "$aws/things/lamp/tunnels/notify")
		defer c.leave()
		c.publish("$aws/things/lamp/defender/metrics/json", `{"header":{"report_id":5,"version":"1.0"},"metrics":{}}`)
		if m := c.next("$aws/things/lamp/defender/metrics/json/accepted"); m["reportId"] != 5.0 {
			t.Error(m)
		}
		if err := s.NotifyTunnel("lamp", "secret", "SSH"); err != nil {
			t.Fatal(err)
		}
		if m := c.next("$aws/things/lamp/tunnels/notify"); m["clientAccessToken"] != "secret" || m["clientMode"] != "destination" || m["region"] != "us-east-1" {
			t.Error(m)
		}
		if err := s.NotifyTunnel("a/b", "x"); err == nil {
			t.Error("a thing with a slash")
		}
	})
}
