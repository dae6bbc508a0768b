package engine

import (
	"bytes"
	"errors"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Whoever submits a message may use its memory again at once, unless it says that the payload never changes: then it
// is not copied.
func TestPayloadOwnership(t *testing.T) {
	t.Parallel()
	for _, static := range []bool{false, true} {
		e := connected(t, Config{}, packet.Connack{ReceiveMaximum: 1})
		payload, correlation := []byte("payload"), []byte("correlation")
		user := []packet.UserProperty{{Key: "k", Value: "v"}}
		var ops [2]*Op // one that is sent at once, one that waits
		for i := range ops {
			ops[i] = publishOp(1)
			ops[i].Static = static
			ops[i].Publish.Payload, ops[i].Publish.CorrelationData, ops[i].Publish.UserProperties = payload, correlation, user
			must(t, e.Submit(0, ops[i]))
		}
		for _, o := range ops {
			if same := &o.Publish.Payload[0] == &payload[0]; same != static {
				t.Errorf("static %v: the payload is the caller's: %v", static, same)
			}
		}
		if !static {
			clear(payload)
			clear(correlation)
			user[0].Value = "changed"
		}
		drain(e)
		reconnect(t, e, packet.Connack{})
		e.Closed(0)
		must(t, e.Open(0, &packet.Connect{ClientID: "c"}, Never))
		feedPacket(t, e, &packet.Connack{SessionPresent: true})
		for _, p := range packetsIn(t, e, drain(e))[1:] {
			p := p.(*packet.Publish)
			if string(p.Payload) != "payload" || string(p.CorrelationData) != "correlation" || p.UserProperties[0].Value != "v" {
				t.Errorf("static %v: sent again as %q, %q, %v", static, p.Payload, p.CorrelationData, p.UserProperties)
			}
		}
	}
}

// An operation that is used again has nothing of its former life, and keeps only a bounded amount of memory.
func TestOpReset(t *testing.T) {
	t.Parallel()
	e := connected(t, Config{}, packet.Connack{})
	for _, size := range []int{100, keepOwn + 1} {
		o := publishOp(1)
		o.User = "mine"
		o.Publish.Payload = make([]byte, size)
		must(t, e.Submit(0, o))
		drain(e)
		feedPacket(t, e, &packet.Puback{Ack: packet.Ack{ID: e.ids.next, Code: packet.QuotaExceeded, ReasonString: "full"}})
		if e.TakeDone(nil)[0] != o || o.Err == nil || o.ReasonString != "full" {
			t.Fatalf("the result is %v, %q", o.Err, o.ReasonString)
		}
		o.Reset()
		if kept := cap(o.own); (kept > 0) != (size <= keepOwn) {
			t.Errorf("after %d bytes it keeps %d", size, kept)
		}
		o.own = nil
		if o.User != "mine" || o.Err != nil || o.Sent || o.Code != 0 || o.ReasonString != "" || o.Publish.Topic != "" || o.seq != 0 {
			t.Errorf("left over: %+v", o)
		}
	}
	sub := &Op{Kind: OpSubscribe, OptionalID: true, Codes: []packet.ReasonCode{1}}
	sub.Subscribe.Filters = []packet.Filter{{Filter: "a"}}
	sub.Reset()
	if sub.Kind != OpPublish || sub.OptionalID || sub.Codes != nil || sub.Subscribe.Filters != nil {
		t.Errorf("left over: %+v", sub)
	}
}

// Mistakes of the driver are refused, and do no harm.
func TestSubmitMistakes(t *testing.T) {
	t.Parallel()
	e := connected(t, Config{}, packet.Connack{})
	o := publishOp(1)
	must(t, e.Submit(0, o))
	if err := e.Submit(0, o); !errors.Is(err, errInUse) {
		t.Errorf("submitted twice: %v", err)
	}
	if err := e.Submit(0, &Op{Kind: 3}); !errors.Is(err, errNoKind) {
		t.Errorf("no kind: %v", err)
	}
	if e.Cancel(0, new(Op)) || e.Cancel(0, o) {
		t.Error("canceled what does not wait")
	}
	e.Wrote(0, 1<<30) // more than was ever taken
	e.Wrote(0, -1)
	if e.written != e.taken {
		t.Errorf("%d bytes written, %d taken", e.written, e.taken)
	}
	e.Closed(0)
	e.Closed(0)
	e.Wrote(0, 100)
	if rest, m := e.Receive(0, []byte{0x30}); m != nil || rest != nil || len(e.TakeOut(0, nil)) > 0 {
		t.Error("something comes from a closed engine")
	}
	if err := e.Ack(0, AckToken{seq: 1, epoch: e.epoch, qos: 1}, 0, ""); !errors.Is(err, ErrAckVoid) {
		t.Errorf("acknowledged without a connection: %v", err)
	}
	if err := e.Authenticate(0, &packet.Auth{Code: packet.ReAuthenticate}); !errors.Is(err, ErrOffline) {
		t.Errorf("authenticated without a connection: %v", err)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"version": {Version: 3}, "offline policy": {Offline: KeepNone + 1}, "alias mode": {Aliases: AliasLRU + 1},
		"ping timeout": {PingTimeout: -1}, "out limit": {OutLimit: -1}, "alias size": {AliasSize: maxIDs + 1},
		"filters": {FiltersPerOp: -1},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("a wrong %s is accepted", name)
		}
	}
	e, err := New(Config{})
	must(t, err)
	want := Config{Version: packet.V5, QueueCount: 10_000, QueueBytes: 64 << 20, AckTimeout: 60 * Second,
		PingTimeout: 30 * Second, OutLimit: 64 << 10, AliasSize: 32, FiltersPerOp: 64, InboundBytes: 1 << 20}
	if e.cfg != want {
		t.Errorf("the defaults are %+v", e.cfg)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	refused := &ReasonError{Packet: packet.PUBACK, Code: packet.NotAuthorized, Reason: "no"}
	for target, want := range map[error]bool{
		&ReasonError{Code: packet.NotAuthorized}:                         true,
		&ReasonError{Code: packet.NotAuthorized, Packet: packet.PUBACK}:  true,
		&ReasonError{Code: packet.NotAuthorized, Packet: packet.CONNACK}: false,
		&ReasonError{Code: packet.Banned}:                                false,
		&ProtocolError{Code: packet.NotAuthorized}:                       false,
	} {
		if errors.Is(refused, target) != want {
			t.Errorf("is %v: %v", target, !want)
		}
	}
	broken := &ProtocolError{Code: packet.MalformedPacket, Clause: "X-1", Err: &packet.Error{Code: packet.MalformedPacket, Clause: "X-1"}}
	for target, want := range map[error]bool{
		&ProtocolError{Code: packet.MalformedPacket}:                true,
		&ProtocolError{Code: packet.MalformedPacket, Clause: "X-1"}: true,
		&ProtocolError{Code: packet.MalformedPacket, Clause: "X-2"}: false,
		&packet.Error{Code: packet.MalformedPacket}:                 true,
		ErrClosed: false,
	} {
		if errors.Is(broken, target) != want {
			t.Errorf("is %v: %v", target, !want)
		}
	}
}

// The engine holds no secret and no message for longer than it has to.
func TestNothingIsKept(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{})
	must(t, e.Open(0, &packet.Connect{ClientID: "c", HasUsername: true, HasPassword: true, Password: []byte("secret")}, Never))
	if !bytes.Contains(drain(e), []byte("secret")) {
		t.Fatal("the password was not sent")
	}
	feedPacket(t, e, &packet.Connack{})
	b, _ := (&packet.Publish{Topic: "a", Payload: make([]byte, 1<<20)}).Append(nil, packet.V5)
	if rest, m := e.Receive(0, b); m == nil || len(rest) > 0 {
		t.Fatal("no message")
	}
	e.Receive(0, nil)
	if e.message.Payload != nil {
		t.Error("the last message is kept")
	}
	e.Closed(0)
	if e.connect != nil {
		t.Error("the CONNECT is kept")
	}
}

// Idle tells a client that shuts down when everything is said: operations, acknowledgements, and the last byte.
func TestIdle(t *testing.T) {
	t.Parallel()
	e := connected(t, Config{}, packet.Connack{})
	steps := []struct {
		what string
		do   func()
		idle bool
	}{
		{"nothing", func() {}, true},
		{"a message to send", func() { must(t, e.Submit(0, publishOp(1))) }, false},
		{"sent", func() { drain(e) }, false},
		{"acknowledged", func() { e.Receive(0, []byte{0x40, 2, 0, 1}) }, true},
		{"a message received", func() { feedPacket(t, e, &packet.Publish{Topic: "a", QoS: 1, ID: 1}) }, false},
		{"taken", func() { must(t, e.Ack(0, AckToken{seq: 1, epoch: e.epoch, qos: 1}, 0, "")) }, false},
		{"PUBACK handed to the driver", func() { e.TakeOut(0, nil) }, false},
		{"written", func() { e.Wrote(0, 4) }, true},
	}
	for _, s := range steps {
		if s.do(); e.Idle() != s.idle {
			t.Errorf("%s: idle %v, want %v", s.what, e.Idle(), s.idle)
		}
	}
}
