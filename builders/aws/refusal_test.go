package awsiot_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// mutual returns an endpoint for a certificate that the service knows.
func (s *service) mutual() mqtt.Endpoint {
	s.t.Helper()
	d := s.ca.issue(s.t)
	s.register(d)
	endpoint, err := awsiot.MTLS(dataName, awsiot.KeyPair(d.Certificate), s.options)
	if err != nil {
		s.t.Fatal(err)
	}
	return endpoint
}

// serveAll answers everything, and tells of what comes.
func (s *service) serveAll(tell func(packet.Packet)) {
	s.peer.Serve(func(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
		tell(in)
		return mqtttest.Answer(c, in)
	})
}

// A publish that MQTT 3.1.1 has no answer to: the service hangs up each time. The client gives that publish up, says why,
// and goes on with the others.
func TestForbiddenPublishInMQTT311(t *testing.T) {
	t.Parallel()
	s := newService(t)
	f := newFailures()
	client := s.client(s.mutual(), f.trace, func(c *mqtt.Config) { c.Version = packet.V311 })
	first := true
	s.peer.Serve(func(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
		switch p := in.(type) {
		case *packet.Connect:
			present := !first
			first = false
			return []packet.Packet{&packet.Connack{SessionPresent: present}}
		case *packet.Publish:
			if p.Topic == "forbidden" {
				c.Close()
				return nil
			}
		}
		return mqtttest.Answer(c, in)
	})
	if _, err := client.Connected(short(t)); err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		_, err := client.Publish(short(t), mqtt.Publish{Topic: "forbidden", QoS: 1})
		result <- err
	}()
	r := f.refusal(t, awsiot.CausePolicy)
	if !strings.Contains(r.Likely, `no policy allows the topic "forbidden"`) || !errors.Is(r, mqtt.ErrConnectionLost) ||
		r.Statement != `{"Effect":"Allow","Action":"iot:Publish","Resource":"arn:aws:iot:eu-west-1:ACCOUNT:topic/forbidden"}` {
		t.Errorf("got %v", r)
	}
	err := <-result
	if !errors.Is(err, mqtt.ErrInterrupted) {
		t.Fatalf("the publish ended with %v", err)
	}
	if r, ok := errors.AsType[*awsiot.Refusal](awsiot.Explain(err)); !ok || r.Cause != awsiot.CausePolicy {
		t.Errorf("explained as %v", awsiot.Explain(err))
	}
	if _, err := client.Publish(short(t), mqtt.Publish{Topic: "allowed", QoS: 1}); err != nil {
		t.Errorf("the next publish: %v", err)
	}
}

// CONNACK, DISCONNECT and the acknowledgements of MQTT 5 name the reason; the explanation names the topic and the statement.
func TestRefusalsInMQTT5(t *testing.T) {
	t.Parallel()
	s := newService(t)
	f := newFailures()
	client := s.client(s.mutual(), f.trace)

	s.peer.Connect(&packet.Connack{Code: packet.NotAuthorized})
	if r := f.refusal(t, awsiot.CausePolicy); !strings.Contains(r.Statement, "client/pump-7") {
		t.Errorf("got %v", r)
	}
	conn, _ := s.peer.Connect(new(packet.Connack))
	go func() { _, _ = client.Publish(t.Context(), mqtt.Publish{Topic: "a/b", QoS: 1, Retain: true}) }()
	mqtttest.Expect[packet.Publish](conn)
	conn.Send(&packet.Disconnect{Code: packet.NotAuthorized})
	conn.Close()
	if r := f.refusal(t, awsiot.CausePolicy); !strings.Contains(r.Statement, `["iot:Publish","iot:RetainPublish"]`) || !strings.Contains(r.Statement, "topic/a/b") {
		t.Errorf("got %v", r)
	}
	conn, _ = s.peer.Connect(&packet.Connack{SessionPresent: true})
	publish := mqtttest.Expect[packet.Publish](conn)
	conn.Send(&packet.Puback{Ack: packet.Ack{ID: publish.ID}})

	result := make(chan error, 1)
	go func() {
		_, err := client.Subscribe(short(t), mqtt.Filter{Filter: "ok"}, mqtt.Filter{Filter: "not/+"})
		result <- err
	}()
	subscribe := mqtttest.Expect[packet.Subscribe](conn)
	conn.Send(&packet.Suback{ID: subscribe.ID, Codes: []packet.ReasonCode{packet.GrantedQoS0, packet.NotAuthorized}})
	r, ok := errors.AsType[*awsiot.Refusal](awsiot.Explain(<-result))
	if !ok || !strings.Contains(r.Statement, `"iot:Subscribe"`) || !strings.Contains(r.Statement, "topicfilter/not/+") || strings.Contains(r.Statement, "/ok") {
		t.Errorf("got %v", r)
	}
}

// Another device with the same client identifier: the client does not fight over the session.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	s := newService(t)
	f := newFailures()
	client := s.client(s.mutual(), f.trace)
	conn, _ := s.peer.Connect(new(packet.Connack))
	conn.Send(&packet.Disconnect{Code: packet.SessionTakenOver})
	conn.Close()
	f.refusal(t, awsiot.CauseDuplicate)
	select {
	case <-client.Done():
	case <-time.After(limit):
		t.Fatal("the client goes on")
	}
	if _, err := client.Connected(short(t)); !strings.Contains(err.Error(), `another connection has come with the client identifier "pump-7"`) {
		t.Errorf("got %v", err)
	}
}

// The first attempt after a refused one is not blamed for what was sent before.
func TestFailedDialIsNoHangUp(t *testing.T) {
	t.Parallel()
	s := newService(t)
	endpoint := s.mutual()
	f := newFailures()
	client := s.client(endpoint, f.trace)
	conn, _ := s.peer.Connect(new(packet.Connack))
	go func() { _, _ = client.Publish(t.Context(), mqtt.Publish{Topic: "a/b", QoS: 1}) }()
	mqtttest.Expect[packet.Publish](conn)
	s.mu.Lock()
	s.addr = "127.0.0.1:1" // nobody there
	s.mu.Unlock()
	conn.Cut()
	f.refusal(t, awsiot.CausePolicy) // a cut looks like a hang-up
	if r := f.refusal(t, awsiot.CauseNetwork); !strings.Contains(r.Error(), "refused") {
		t.Errorf("got %v", r)
	}
}
