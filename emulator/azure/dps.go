package azure

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// DPSOptions configures a Device Provisioning Service.
type DPSOptions struct {
	// Server says where it listens. Profile, Limits, Hooks, OnEvent, Events and WSPath are the service's own.
	Server emulator.Options
	// Scope is the ID scope, such as 0ne00000001.
	Scope string
	// Keys are those of individual enrollments, in base64, by registration ID. An empty one needs a certificate whose
	// common name is the registration ID.
	Keys map[string]string
	// GroupKey is that of an enrollment group, in base64; empty: there is none.
	GroupKey string
	// Hub is assigned to everyone, as the device that Device names; nil: the registration ID.
	Hub    string
	Device func(registrationID string) string
	// Polls is how often the state is asked before it is there. Each answer asks to wait RetryAfter seconds; 0: it says
	// nothing.
	Polls      int
	RetryAfter int
	// Answer may replace an answer: it is told how many there were before. A status of 0 leaves it.
	Answer func(n int) (status int, body string)
	// OnAssigned is told of everyone who is assigned, with the payload of the request; nil: nobody.
	OnAssigned func(registrationID, device string, payload []byte)
}

// DPS is a Device Provisioning Service.
type DPS struct {
	*emulator.Server
	o DPSOptions

	mu      sync.Mutex
	asked   map[string]int // by operation
	who     map[string]string
	payload map[string][]byte
	times   []time.Time
	n       int
}

const (
	dpsAnswers  = "$dps/registrations/res/"
	dpsRegister = "$dps/registrations/PUT/iotdps-register/"
	dpsStatus   = "$dps/registrations/GET/iotdps-get-operationstatus/"
)

// StartDPS starts a service.
func StartDPS(o DPSOptions) (*DPS, error) {
	d := &DPS{o: o, asked: map[string]int{}, who: map[string]string{}, payload: map[string][]byte{}}
	server := o.Server
	server.Profile, server.WSPath = emulator.Generic, hubSocket
	server.Limits = broker.Limits{MaximumQoS: packet.Some(packet.QoS1), SessionExpiryV311: 1, MaxSessionExpiry: 1}
	server.Hooks = broker.Hooks{Connect: d.connect, Publish: d.publish, Subscribe: d.subscribe}
	server.OnEvent, server.Events = d.event, broker.EventPublished
	var err error
	d.Server, err = emulator.Start(server)
	return d, err
}

// Requests returns when requests came.
func (d *DPS) Requests() []time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]time.Time(nil), d.times...)
}

// key returns the key of a registration, empty where it needs a certificate.
func (d *DPS) key(registrationID string) (key string, known bool) {
	if key, known = d.o.Keys[registrationID]; known || d.o.GroupKey == "" {
		return key, known
	}
	group, err := base64.StdEncoding.DecodeString(d.o.GroupKey)
	if err != nil {
		return "", false
	}
	h := hmac.New(sha256.New, group)
	h.Write([]byte(registrationID))
	return base64.StdEncoding.EncodeToString(h.Sum(nil)), true
}

func (d *DPS) connect(_ broker.Instant, c *broker.Client, p *packet.Connect) broker.ConnectDecision {
	refused := broker.ConnectDecision{Code: packet.NotAuthorized}
	resource := d.o.Scope + "/registrations/" + c.ID
	key, known := d.key(c.ID)
	switch {
	case c.Version != packet.V311:
		return broker.ConnectDecision{Code: packet.UnsupportedProtocolVersion}
	case !known, !p.CleanStart, !strings.HasPrefix(p.Username, resource+"/api-version="): // without a question mark
		return refused
	case key == "":
		if len(c.Info.Certificates) == 0 || c.Info.Certificates[0].Subject.CommonName != c.ID {
			return refused
		}
		return broker.ConnectDecision{}
	}
	sig, err := parseSignature(string(p.Password))
	if err != nil || sig.policy != "registration" || sig.check(resource, key, time.Now()) != nil {
		return refused
	}
	return broker.ConnectDecision{}
}

func (d *DPS) publish(_ broker.Instant, _ *broker.Client, p *packet.Publish) broker.PublishDecision {
	if !strings.HasPrefix(p.Topic, dpsRegister) && !strings.HasPrefix(p.Topic, dpsStatus) {
		return broker.PublishDecision{Code: packet.NotAuthorized, Disconnect: true}
	}
	return broker.PublishDecision{Consume: true}
}

func (d *DPS) subscribe(_ broker.Instant, _ *broker.Client, f packet.Filter) broker.SubscribeDecision {
	if f.Filter != dpsAnswers+"#" {
		return broker.SubscribeDecision{Code: packet.NotAuthorized, Disconnect: true}
	}
	return broker.SubscribeDecision{MaxQoS: packet.Some(packet.QoS1)}
}

// event answers requests.
func (d *DPS) event(e broker.Event) {
	if !e.Consumed {
		return
	}
	id := e.Client.ID
	_, query, _ := strings.Cut(e.Message.Topic, "/?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return
	}
	status, body := d.answer(id, values.Get("operationId"), e.Message)
	topic := fmt.Sprintf("%s%d/?$rid=%s", dpsAnswers, status, url.QueryEscape(values.Get("$rid")))
	if d.o.RetryAfter > 0 && (status == 202 || status == 429 || status >= 500) {
		topic += fmt.Sprintf("&retry-after=%d", d.o.RetryAfter)
	}
	_ = d.Server.Send(id, packet.Publish{Topic: topic, Payload: []byte(body), QoS: packet.QoS1})
}

// answer decides about a request; operation is empty in the first.
func (d *DPS) answer(id, operation string, m *packet.Publish) (status int, body string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.n
	d.n++
	d.times = append(d.times, time.Now())
	if d.o.Answer != nil {
		if status, body := d.o.Answer(n); status != 0 {
			return status, body
		}
	}
	if operation == "" {
		var request struct {
			RegistrationID string          `json:"registrationId"`
			Payload        json.RawMessage `json:"payload"`
		}
		if err := json.Unmarshal(m.Payload, &request); err != nil || request.RegistrationID != id {
			return 400, `{"errorCode":400001,"trackingId":"t","message":"the registration ID differs"}`
		}
		operation = fmt.Sprintf("4.%s.%d", id, n)
		d.who[operation], d.payload[operation] = id, request.Payload
	} else if d.who[operation] != id {
		return 404, `{"errorCode":404201,"trackingId":"t","message":"no such operation"}`
	}
	if d.asked[operation]++; d.asked[operation] <= d.o.Polls {
		return 202, fmt.Sprintf(`{"operationId":%q,"status":"assigning"}`, operation)
	}
	device := id
	if d.o.Device != nil {
		device = d.o.Device(id)
	}
	if d.o.OnAssigned != nil {
		d.o.OnAssigned(id, device, d.payload[operation])
	}
	state, _ := json.Marshal(map[string]any{"operationId": operation, "status": "assigned", "registrationState": map[string]any{
		"registrationId": id, "assignedHub": d.o.Hub, "deviceId": device, "status": "assigned", "substatus": "initialAssignment",
		"etag": "e", "createdDateTimeUtc": time.Now().UTC().Format(time.RFC3339), "payload": json.RawMessage(`{"hello":"device"}`)}})
	return 200, string(state)
}
