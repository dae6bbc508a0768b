package broker_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

func TestLimitsAreValidated(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]broker.Limits{
		"negative count":    {MaxQueued: -1},
		"packet size":       {MaxPacketSize: 268_435_461},
		"negative duration": {ConnectTimeout: -time.Second},
		"maximum QoS":       {MaximumQoS: packet.Some(packet.QoS(3))},
		"keep alive":        {MinKeepAlive: 10, MaxKeepAlive: 5},
	} {
		if _, err := broker.New(broker.Options{Limits: l}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestDefaultsAreTheDocumentedOnes(t *testing.T) {
	t.Parallel()
	l := newRig(t, broker.Options{}).b.Limits()
	if l.ReceiveMaximum != 1024 || l.MaxPacketSize != 4<<20 || l.MaxSessionExpiry != broker.Forever || l.MaxQueued != 10_000 {
		t.Errorf("limits %+v", l)
	}
}

// TestTooManyConnections closes what comes beyond the limit at once, and takes others again when there is room.
func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	r := newRig(t, broker.Options{Limits: broker.Limits{MaxConnections: 2}})
	first := r.client("a", "", 0, packet.V5)
	r.client("b", "", 0, packet.V5)
	over := r.b.Open(0, broker.ConnInfo{})
	if closing, silent := r.b.Closing(over); !closing || !silent {
		t.Errorf("the third connection: closing %v, silent %v", closing, silent)
	}
	if _, closing := r.b.TakeOut(over, nil); !closing {
		t.Error("the third connection stays open")
	}
	r.b.Closed(0, first)
	r.b.TakeReady(nil)
	r.client("c", "", 0, packet.V5)
}

// TestHeldInputIsBounded sends more than is kept for a decision that does not come.
func TestHeldInputIsBounded(t *testing.T) {
	t.Parallel()
	b, err := broker.New(broker.Options{Hooks: broker.Hooks{
		Connect: func(broker.Instant, *broker.Client, *packet.Connect) broker.ConnectDecision {
			return broker.ConnectDecision{Pending: true}
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	id := b.Open(0, broker.ConnInfo{})
	data, err := (&packet.Connect{ClientID: "a", CleanStart: true}).Append(nil, packet.V5)
	if err != nil {
		t.Fatal(err)
	}
	b.Receive(0, id, data)
	if b.Readable(id) {
		t.Error("readable while a decision is pending")
	}
	for range 9 {
		b.Receive(0, id, make([]byte, 32<<10))
	}
	if closing, _ := b.Closing(id); !closing {
		t.Error("288 KiB are held for a client that is not accepted")
	}
}

// TestAnswersAreBounded drives on a client that never reads, against what Readable says.
func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t, broker.Options{Limits: broker.Limits{OutBuffer: 1000, MaxPacketSize: 1000}})
	id := r.client("a", "", 0, packet.V5)
	pings := make([]byte, 0, 64<<10)
	for len(pings) < cap(pings) {
		pings = append(pings, 0xC0, 0)
	}
	for i := range 100 {
		if r.b.Receive(0, id, pings); i == 0 && r.b.Readable(id) {
			t.Error("readable with 64 KiB of answers unread")
		}
	}
	if closing, silent := r.b.Closing(id); !closing || !silent {
		t.Errorf("after 6 MiB of answers: closing %v, silent %v", closing, silent)
	}
}

// TestQueueIsBoundedInBytes fills the queue of a client that is away.
func TestQueueIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	r := newRig(t, broker.Options{Limits: broker.Limits{MaxQueuedBytes: 10_000}})
	away := r.client("away", "t", packet.QoS1, packet.V311)
	_ = away
	r.b.Closed(0, away)
	r.b.TakeReady(nil)
	if n := len(r.b.Clients()); n != 0 {
		t.Fatalf("%d sessions are left of a clean one", n)
	}
	data, err := (&packet.Connect{ClientID: "away"}).Append(nil, packet.V311)
	if err != nil {
		t.Fatal(err)
	}
	if data, err = (&packet.Subscribe{ID: 1, Filters: []packet.Filter{{Filter: "t", QoS: 1}}}).Append(data, packet.V311); err != nil {
		t.Fatal(err)
	}
	id := r.b.Open(0, broker.ConnInfo{})
	r.b.Receive(0, id, data)
	r.b.Closed(0, id)
	for range 100 {
		if err := r.b.Publish(0, packet.Publish{Topic: "t", QoS: 1, Payload: make([]byte, 700)}); err != nil {
			t.Fatal(err)
		}
	}
	c := r.b.Clients()[0]
	if c.Waiting < 5 || c.Waiting > 14 || r.b.Stats().Dropped != uint64(100-c.Waiting) {
		t.Errorf("%d messages wait, %d were dropped", c.Waiting, r.b.Stats().Dropped)
	}
}

// TestPacketIdentifiersWrapAroundOneInUse keeps one delivery open while all identifiers come round [MQTT-2.2.1-4].
func TestPacketIdentifiersWrapAroundOneInUse(t *testing.T) {
	t.Parallel()
	r := newRig(t, broker.Options{})
	sub := r.client("s", "t", packet.QoS1, packet.V5)
	decoder := packet.Decoder{}
	seen := 0
	for i := range 70_000 {
		if err := r.b.Publish(0, packet.Publish{Topic: "t", QoS: 1, Payload: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		r.b.TakeReady(nil)
		out, _ := r.b.TakeOut(sub, nil)
		r.b.Written(0, sub, len(out))
		f, n, err := packet.ScanFrame(out, 0)
		if err != nil || n != len(out) {
			t.Fatalf("message %d: % x", i, out)
		}
		var p packet.Publish
		if err := p.Decode(f, &decoder); err != nil {
			t.Fatal(err)
		}
		if p.ID == 0 || p.ID == 1 && i > 0 {
			t.Fatalf("message %d has packet identifier %d", i, p.ID)
		}
		if i == 0 {
			continue // never acknowledged
		}
		seen++
		r.b.Receive(0, sub, []byte{0x40, 2, byte(p.ID >> 8), byte(p.ID)})
	}
	if c := r.b.Clients()[0]; c.Inflight != 1 || seen != 69_999 {
		t.Errorf("%d in flight, %d acknowledged", c.Inflight, seen)
	}
}

// TestNothingHappensToUnknownConnections calls everything with a connection that is gone.
func TestNothingHappensToUnknownConnections(t *testing.T) {
	t.Parallel()
	r := newRig(t, broker.Options{})
	id := r.client("a", "", 0, packet.V5)
	r.b.Closed(0, id)
	for _, id := range []broker.ConnID{id, 99} {
		r.b.Receive(1, id, []byte{0xC0, 0})
		r.b.Written(1, id, 5)
		r.b.Closed(1, id)
		r.b.ResolveConnect(1, id, broker.ConnectDecision{})
		r.b.ResolveAuth(1, id, broker.AuthDecision{})
		if out, closing := r.b.TakeOut(id, nil); len(out) > 0 || !closing {
			t.Errorf("connection %d: output % x, closing %v", id, out, closing)
		}
		if !r.b.Readable(id) {
			t.Errorf("connection %d is not readable", id)
		}
	}
	if s := r.b.Stats(); s.Connections != 0 || s.Connected != 0 {
		t.Errorf("stats %+v", s)
	}
}

// TestTimeDoesNotGoBack gives the broker an earlier time than before.
func TestTimeDoesNotGoBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, broker.Options{})
	id := r.b.Open(broker.Instant(time.Hour), broker.ConnInfo{})
	r.b.Wake(0)
	r.b.Closed(0, r.b.Open(0, broker.ConnInfo{})) // its timeout would be long past
	other := r.b.Open(0, broker.ConnInfo{})
	r.b.Wake(broker.Instant(time.Hour))
	if closing, _ := r.b.Closing(other); closing {
		t.Error("a connection is timed by a clock that went back")
	}
	if at, ok := r.b.NextWake(); !ok || at != broker.Instant(time.Hour+10*time.Second) {
		t.Errorf("wake at %d, %v", at, ok)
	}
	r.b.Wake(broker.Instant(time.Hour + 10*time.Second))
	if closing, _ := r.b.Closing(id); !closing {
		t.Error("the connect timeout did not come")
	}
}

// TestForwardingAllocatesNothing guards the path of a QoS 0 message.
func TestForwardingAllocatesNothing(t *testing.T) {
	r := newRig(t, broker.Options{})
	pub := r.client("p", "", 0, packet.V5)
	r.client("s", "bench/#", 0, packet.V5)
	data := r.batch(100, 0, packet.V5)
	send := func() {
		r.b.Receive(0, pub, data)
		r.flush()
	}
	for range 10 {
		send()
	}
	if n := testing.AllocsPerRun(100, send); n > 0 {
		t.Errorf("100 messages cost %v allocations", n)
	}
}

// TestReconfigure changes the limits under a session that goes on, but not under a connection.
func TestReconfigure(t *testing.T) {
	t.Parallel()
	r := newRig(t, broker.Options{})
	id := r.client("a", "t/#", packet.QoS1, packet.V5)
	if err := r.b.Reconfigure(broker.Limits{ReceiveMaximum: 3}); !errors.Is(err, broker.ErrConnected) {
		t.Errorf("with a connection: %v", err)
	}
	r.b.DropAll(0)
	r.b.Closed(0, id)
	if err := r.b.Reconfigure(broker.Limits{MaxQueued: -1}); err == nil {
		t.Error("a negative limit was accepted")
	}
	if err := r.b.Reconfigure(broker.Limits{ReceiveMaximum: 3}); err != nil {
		t.Fatal(err)
	}
	if l := r.b.Limits(); l.ReceiveMaximum != 3 || l.MaxQueued != 10_000 {
		t.Errorf("limits %+v", l)
	}
}
