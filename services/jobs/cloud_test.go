package jobs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/services/jobs"
)

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

const prefix = "$aws/things/lamp/jobs/"

// cloud is a broker with the jobs service behind it, as far as these tests need it: one execution per job.
type cloud struct {
	*mqtttest.Peer
	t *testing.T

	mu      sync.Mutex
	conn    *mqtttest.Conn
	filters map[string]bool
	keep    bool // sessions outlive connections
	jobs    []*execution
	head    string
	log     []string
	refuse  func(operation string) (code string)
	lose    func(operation string) bool // the answer is lost
	terse   bool                        // of an execution at an end, the state is not told
	silent  bool                        // requests are lost
}

type execution struct {
	id, status string
	document   string
	details    map[string]string
	version    int
	step       int // minutes
}

func newCloud(t *testing.T) *cloud {
	c := &cloud{Peer: mqtttest.NewPeer(t), t: t, filters: make(map[string]bool)}
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
		for _, f := range in.Filters {
			c.filters[f.Filter] = true
		}
	case *packet.Unsubscribe:
		for _, f := range in.Filters {
			delete(c.filters, f)
		}
	case *packet.Publish:
		if !c.silent {
			out = append(out, c.request(strings.TrimPrefix(in.Topic, prefix), in.Payload)...)
		}
	}
	return out
}

func (e *execution) body(document bool) map[string]any {
	m := map[string]any{"jobId": e.id, "thingName": "lamp", "status": e.status, "versionNumber": e.version, "executionNumber": 1,
		"queuedAt": 1700000000, "lastUpdatedAt": 1700000001}
	if document {
		m["jobDocument"] = json.RawMessage(e.document)
	}
	if len(e.details) > 0 {
		m["statusDetails"] = e.details
	}
	return m
}

func (e *execution) pending() bool { return e.status == "QUEUED" || e.status == "IN_PROGRESS" }

func (c *cloud) next() *execution {
	for _, status := range []string{"IN_PROGRESS", "QUEUED"} {
		for _, e := range c.jobs {
			if e.status == status {
				return e
			}
		}
	}
	return nil
}

func (c *cloud) message(topic string, body any) packet.Packet {
	raw, err := json.Marshal(body)
	if err != nil {
		c.t.Error(err)
	}
	return &packet.Publish{Topic: prefix + topic, Payload: raw}
}

// notify says what is next, if that has changed.
func (c *cloud) notify() (out []packet.Packet) {
	body, head := map[string]any{"timestamp": 1700000002}, ""
	if e := c.next(); e != nil {
		head = e.id
		body["execution"] = e.body(true)
	}
	if head != c.head && c.filters[prefix+"notify-next"] {
		out = append(out, c.message("notify-next", body))
	}
	c.head = head
	return out
}

func (c *cloud) request(operation string, payload []byte) []packet.Packet {
	var r struct {
		ClientToken              string
		Status                   string
		StatusDetails            map[string]string
		ExpectedVersion          int
		IncludeJobDocument       *bool
		IncludeJobExecutionState bool
		StepTimeoutInMinutes     int
	}
	if err := json.Unmarshal(payload, &r); err != nil {
		c.t.Errorf("%s: %v", operation, err)
	}
	c.log = append(c.log, strings.TrimSuffix(operation+" "+r.Status, " "))
	reject := func(code string, e *execution) []packet.Packet {
		body := map[string]any{"code": code, "message": "because", "timestamp": 1700000003, "clientToken": r.ClientToken}
		if e != nil {
			body["executionState"] = map[string]any{"status": e.status, "versionNumber": e.version}
		}
		return []packet.Packet{c.message(operation+"/rejected", body)}
	}
	accept := func(body map[string]any) []packet.Packet {
		body["timestamp"], body["clientToken"] = 1700000003, r.ClientToken
		if c.lose != nil && c.lose(operation) {
			return nil
		}
		return []packet.Packet{c.message(operation+"/accepted", body)}
	}
	if c.refuse != nil {
		if code := c.refuse(operation); code != "" {
			return reject(code, nil)
		}
	}
	switch operation {
	case "get":
		in, queued := []any{}, []any{}
		for _, e := range c.jobs {
			if e.status == "QUEUED" {
				queued = append(queued, e.body(false))
			} else if e.status == "IN_PROGRESS" {
				in = append(in, e.body(false))
			}
		}
		return accept(map[string]any{"inProgressJobs": in, "queuedJobs": queued})
	case "start-next":
		e := c.next()
		if e == nil {
			return accept(map[string]any{})
		}
		if e.status == "QUEUED" {
			e.status, e.step, e.details = "IN_PROGRESS", r.StepTimeoutInMinutes, r.StatusDetails
			e.version++
		}
		return accept(map[string]any{"execution": e.body(true)})
	}
	id, verb, _ := strings.Cut(operation, "/")
	i := slices.IndexFunc(c.jobs, func(e *execution) bool { return e.id == id })
	var e *execution
	if i >= 0 {
		e = c.jobs[i]
	} else if id == jobs.Next {
		if e = c.next(); e == nil {
			return accept(map[string]any{})
		}
	} else {
		return reject("ResourceNotFound", nil)
	}
	if verb == "get" {
		return accept(map[string]any{"execution": e.body(r.IncludeJobDocument == nil || *r.IncludeJobDocument)})
	}
	if c.terse && !e.pending() {
		return reject("TerminalStateReached", nil)
	}
	if r.ExpectedVersion != 0 && r.ExpectedVersion != e.version {
		return reject("VersionMismatch", e)
	}
	if !e.pending() {
		return reject("InvalidStateTransition", e)
	}
	if r.StatusDetails != nil {
		for _, v := range r.StatusDetails {
			if v == "" || len(v) > 1024 || strings.ContainsAny(v, "\n\t") {
				return reject("InvalidRequest", nil)
			}
		}
		e.details = r.StatusDetails
	}
	if r.StepTimeoutInMinutes != 0 {
		e.step = r.StepTimeoutInMinutes
	}
	e.status = r.Status
	e.version++
	body := map[string]any{}
	if r.IncludeJobExecutionState {
		body["executionState"] = map[string]any{"status": e.status, "versionNumber": e.version, "statusDetails": e.details}
	}
	return append(accept(body), c.notify()...)
}

// create queues jobs, as the cloud does.
func (c *cloud) create(ids ...string) {
	c.change(func() {
		for _, id := range ids {
			c.jobs = append(c.jobs, &execution{id: id, status: "QUEUED", document: fmt.Sprintf(`{"id":%q}`, id), version: 1})
		}
	})
}

// end brings an execution to an end, as the service does.
func (c *cloud) end(id, status string) {
	c.change(func() {
		for _, e := range c.jobs {
			if e.id == id {
				e.status = status
				e.version++
			}
		}
	})
}

// change changes something and sends the notifications.
func (c *cloud) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	if out := c.notify(); len(out) > 0 {
		c.conn.Send(out...)
	}
}

func (c *cloud) set(f func(c *cloud)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c)
}

// took returns the requests since the last call.
func (c *cloud) took() string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	log := strings.Join(c.log, ", ")
	c.log = nil
	return log
}

// want wants how an execution stands.
func (c *cloud) want(id, status string, details map[string]string) {
	c.t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.jobs {
		if e.id == id {
			if e.status != status || !maps.Equal(e.details, details) {
				c.t.Errorf("%s is %s with %v, want %s with %v", id, e.status, e.details, status, details)
			}
			return
		}
	}
	c.t.Errorf("there is no %s", id)
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

// connect returns a client of lamp.
func (c *cloud) connect() (*jobs.Client, *mqtt.Client) {
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
	j, err := jobs.New(reqres.New(m), "lamp")
	if err != nil {
		c.t.Fatal(err)
	}
	return j, m
}

func wantErr(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("got %v, want %v", err, target)
	}
}
