package shadow_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/services/shadow"
)

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

// cloud is a broker with the shadow service behind it, as far as these tests need it.
type cloud struct {
	*mqtttest.Peer
	t *testing.T

	mu      sync.Mutex
	conn    *mqtttest.Conn
	filters map[string]bool
	keep    bool // sessions outlive connections
	shadows map[string]*document
	log     []string                                       // operations
	refuse  func(operation string) (code int, text string) // 0: not refused
	deny    func(filter string) bool
	silent  bool // requests are lost
}

type document struct {
	desired, reported map[string]any
	version           int
}

func newCloud(t *testing.T) *cloud {
	c := &cloud{Peer: mqtttest.NewPeer(t), t: t, filters: make(map[string]bool), shadows: make(map[string]*document)}
	c.Patience = 1000 * time.Hour
	c.Serve(c.answer)
	return c
}

func (c *cloud) answer(conn *mqtttest.Conn, in packet.Packet) []packet.Packet {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := mqtttest.Answer(conn, in)
	switch in := in.(type) {
	case *packet.Connect:
		present := c.conn != nil && c.keep
		if !present {
			clear(c.filters)
		}
		c.conn = conn
		return []packet.Packet{&packet.Connack{SessionPresent: present}}
	case *packet.Subscribe:
		for i, f := range in.Filters {
			if c.deny != nil && c.deny(f.Filter) {
				out[0].(*packet.Suback).Codes[i] = packet.NotAuthorized
			} else {
				c.filters[f.Filter] = true
			}
		}
	case *packet.Unsubscribe:
		for _, f := range in.Filters {
			delete(c.filters, f)
		}
	case *packet.Publish:
		if !c.silent {
			out = append(out, c.request(in.Topic, in.Payload)...)
		}
	}
	return out
}

// request plays the service: what it sends, to those topics that are subscribed.
func (c *cloud) request(topic string, payload []byte) (out []packet.Packet) {
	i := strings.LastIndex(topic, "/")
	prefix, operation := topic[:i+1], topic[i+1:]
	send := func(suffix string, body map[string]any) {
		raw, err := json.Marshal(body)
		if err != nil {
			c.t.Error(err)
		}
		for f := range c.filters {
			if packet.Match(f, prefix+suffix) {
				out = append(out, &packet.Publish{Topic: prefix + suffix, Payload: raw})
				return
			}
		}
	}
	var r struct {
		ClientToken string
		Version     *int
		State       map[string]map[string]any
	}
	if err := json.Unmarshal(payload, &r); err != nil {
		c.t.Errorf("%s: %v: %s", topic, err, payload)
	}
	now := time.Now().Unix()
	c.log = append(c.log, operation)
	reject := func(code int, text string) []packet.Packet {
		send(operation+"/rejected", map[string]any{"code": code, "message": text, "timestamp": now, "clientToken": r.ClientToken})
		return out
	}
	if c.refuse != nil {
		if code, text := c.refuse(operation); code != 0 {
			return reject(code, text)
		}
	}
	d := c.shadows[prefix]
	if d == nil && operation != "update" {
		return reject(404, "No shadow exists with name: 'x'")
	}
	switch operation {
	case "get":
		state := map[string]any{"desired": d.desired, "reported": d.reported, "strange": true}
		if delta := difference(d.desired, d.reported); len(delta) > 0 {
			state["delta"] = delta
		}
		send("get/accepted", map[string]any{"state": state, "version": d.version, "timestamp": now, "clientToken": r.ClientToken, "more": 1})
	case "delete":
		delete(c.shadows, prefix)
		send("delete/accepted", map[string]any{"version": d.version, "timestamp": now, "clientToken": r.ClientToken})
	case "update":
		if d == nil {
			d = &document{desired: map[string]any{}, reported: map[string]any{}}
		}
		if r.Version != nil && *r.Version != d.version {
			return reject(409, "Version conflict")
		}
		c.shadows[prefix] = d
		previous := map[string]any{"state": map[string]any{"reported": copyOf(d.reported)}, "version": d.version}
		put(d.desired, r.State["desired"])
		put(d.reported, r.State["reported"])
		d.version++
		send("update/accepted", map[string]any{"state": r.State, "version": d.version, "timestamp": now, "clientToken": r.ClientToken})
		send("update/documents", map[string]any{"previous": previous, "current": map[string]any{"state": map[string]any{"reported": d.reported},
			"version": d.version}, "timestamp": now, "clientToken": r.ClientToken})
		if delta := difference(d.desired, d.reported); len(delta) > 0 {
			send("update/delta", map[string]any{"state": delta, "version": d.version, "timestamp": now, "clientToken": r.ClientToken})
		}
	default:
		c.t.Errorf("what is %s?", topic)
	}
	return out
}

func copyOf(m map[string]any) map[string]any {
	raw, _ := json.Marshal(m)
	var out map[string]any
	_ = json.Unmarshal(raw, &out)
	return out
}

func put(to, patch map[string]any) {
	for k, v := range patch {
		below, isObject := v.(map[string]any)
		switch old, ok := to[k].(map[string]any); {
		case v == nil:
			delete(to, k)
		case isObject && ok:
			put(old, below)
		default:
			to[k] = v
		}
	}
}

func difference(desired, reported map[string]any) map[string]any {
	out := make(map[string]any)
	for k, v := range desired {
		d, ok := v.(map[string]any)
		if r, also := reported[k].(map[string]any); ok && also {
			if below := difference(d, r); len(below) > 0 {
				out[k] = below
			}
		} else if !reflect.DeepEqual(v, reported[k]) {
			out[k] = v
		}
	}
	return out
}

// update changes a shadow as another application does.
func (c *cloud) update(prefix, payload string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	refuse := c.refuse
	c.refuse = nil
	out := c.request(prefix+"update", []byte(payload))
	if c.refuse = refuse; len(out) > 0 {
		c.conn.Send(out...)
	}
	c.log = c.log[:len(c.log)-1]
}

// send sends a message of the service.
func (c *cloud) send(topic, payload string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn.Send(&packet.Publish{Topic: topic, Payload: []byte(payload)})
}

// wantReported wants what the shadow has.
func (c *cloud) wantReported(prefix, want string) {
	c.t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	var w map[string]any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		c.t.Fatal(err)
	}
	d := c.shadows[prefix]
	if d == nil {
		c.t.Error("there is no shadow")
	} else if !reflect.DeepEqual(d.reported, w) {
		c.t.Errorf("reported is %v, want %v", d.reported, w)
	}
}

// took returns the operations since the last call.
func (c *cloud) took() string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	log := strings.Join(c.log, " ")
	c.log = nil
	return log
}

func (c *cloud) set(f func(c *cloud)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c)
}

// cut ends the connection, and waits until the client is back.
func (c *cloud) cut(m *mqtt.Client) {
	c.t.Helper()
	c.mu.Lock()
	conn := c.conn
	c.mu.Unlock()
	conn.Cut()
	synctest.Wait()
	if _, err := m.Connected(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

const classic = "$aws/things/lamp/shadow/"

// connect returns a client of the classic shadow of lamp.
func (c *cloud) connect(optFns ...func(*shadow.Options)) (*shadow.Client, *mqtt.Client) {
	c.t.Helper()
	m, err := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: c.Dial, Limits: mqtt.Limits{MaxPayload: 128 << 10}}, ClientID: "lamp", SessionExpiry: time.Hour})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := m.Start(); err != nil {
		c.t.Fatal(err)
	}
	if _, err := m.Connected(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		m.Close()
		<-m.Done()
	})
	s, err := shadow.New(reqres.New(m), "lamp", optFns...)
	if err != nil {
		c.t.Fatal(err)
	}
	return s, m
}

func wantErr(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("got %v, want %v", err, target)
	}
}
