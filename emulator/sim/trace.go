package sim

import (
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// trace is what can be told of a life of a world: a hash of it, always, and its text where somebody wants to read it.
type trace struct {
	hash uint64
	out  io.Writer // nil: nobody does
}

func (t *trace) on() bool { return t.out != nil }

func (t *trace) mix(v uint64) { t.hash = (t.hash ^ v) * 0x100000001b3 }

func (t *trace) text(s string) {
	for i := range len(s) {
		t.mix(uint64(s[i]))
	}
}

// bytes mixes in what goes over a link.
func (t *trace) bytes(p []byte) { t.mix(uint64(crc32.ChecksumIEEE(p)) ^ uint64(len(p))<<32) }

func (t *trace) line(now time.Duration, who, text string) {
	fmt.Fprintf(t.out, "%s %-7s %s\n", stamp(now), who, text)
}

func stamp(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d:%09.6f", int(d.Hours()), int(d.Minutes())%60, (d % time.Minute).Seconds())
}

// note notes that something has happened.
func (w *world) note(who, what string, n int) {
	t := &w.trace
	t.mix(uint64(w.now))
	t.text(who)
	t.text(what)
	t.mix(uint64(n))
	if t.on() {
		if n != 0 {
			what = fmt.Sprintf("%s %d", what, n)
		}
		t.line(w.now, who, what)
	}
}

// packet describes a packet that was taken from the engine, or has arrived at one side.
func (t *trace) packet(now time.Duration, l *link, f packet.Frame, arrived, atBroker bool) {
	if !t.on() {
		return
	}
	who, version, arrow := "stranger", packet.V5, ">"
	if l.c != nil {
		who, version = l.c.name, l.c.plan.engine.Version
	}
	switch {
	case atBroker:
		who, arrow = "broker", "< "+who
	case arrived:
		arrow = "<"
	}
	d := packet.Decoder{Version: version}
	p, err := d.Decode(f)
	if err != nil {
		t.line(now, who, fmt.Sprintf("%s %s, which cannot be read: %v", arrow, f.Type(), err))
		return
	}
	t.line(now, who, arrow+" "+describe(p)+fmt.Sprintf(" (%d)", l.id))
}

// describe tells what matters of a packet.
func describe(p packet.Packet) string {
	var b strings.Builder
	b.WriteString(p.Type().String())
	say := func(cond bool, format string, args ...any) {
		if cond {
			fmt.Fprintf(&b, " "+format, args...)
		}
	}
	switch p := p.(type) {
	case *packet.Connect:
		say(true, "clean=%v keep_alive=%d expiry=%d receive_maximum=%d", p.CleanStart, p.KeepAlive, p.SessionExpiry, p.ReceiveMaximum)
	case *packet.Connack:
		say(true, "session_present=%v code=%#x receive_maximum=%d packet=%d aliases=%d", p.SessionPresent, byte(p.Code), p.ReceiveMaximum,
			p.MaximumPacketSize, p.TopicAliasMaximum)
	case *packet.Publish:
		payload, _, _ := strings.Cut(string(p.Payload), ".")
		say(true, "%s qos=%d", payload, p.QoS)
		say(p.ID != 0, "id=%d", p.ID)
		say(p.Dup, "dup")
		say(p.Retain, "retain")
		say(p.Topic != "", "topic=%s", p.Topic)
		say(p.TopicAlias != 0, "alias=%d", p.TopicAlias)
		say(p.MessageExpiry.IsSet(), "expiry=%d", p.MessageExpiry.Or(0))
	case *packet.Subscribe:
		say(true, "id=%d", p.ID)
		for _, f := range p.Filters {
			say(true, "%s=%d", f.Filter, f.QoS)
		}
	case *packet.Unsubscribe:
		say(true, "id=%d %v", p.ID, p.Filters)
	case *packet.Suback:
		say(true, "id=%d %v", p.ID, p.Codes)
	case *packet.Unsuback:
		say(true, "id=%d %v", p.ID, p.Codes)
	case *packet.Disconnect:
		say(true, "code=%#x", byte(p.Code))
	case *packet.Auth:
		say(true, "code=%#x", byte(p.Code))
	default:
		if a := ackOf(p); a != nil {
			say(true, "id=%d", a.ID)
			say(a.Code != 0, "code=%#x", byte(a.Code))
		}
	}
	return b.String()
}

// introduce tells who is there.
func (w *world) introduce() {
	if !w.trace.on() {
		return
	}
	w.trace.line(0, "broker", fmt.Sprintf("%+v", w.server.limits))
	for _, c := range w.clients {
		w.trace.line(0, c.name, fmt.Sprintf("stored %v, %+v", c.plan.durable, c.plan.engine))
		p := c.plan.connect
		p.Will = nil // a pointer says nothing
		w.trace.line(0, c.name, fmt.Sprintf("%+v, will %v", p, c.plan.connect.Will != nil))
	}
}
