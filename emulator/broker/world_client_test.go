package broker_test

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// device is a client of the random test: it publishes numbered messages and notes what it gets. Its session survives its
// connections, its link loses what is under way when it is cut.
type device struct {
	w       *world
	name    string
	version packet.Version
	filters []packet.Filter

	conn      broker.ConnID // 0 while there is none
	up        bool          // CONNACK has come
	begun     bool          // has a session
	subscribe bool          // SUBACK has come, ever
	toBroker  []byte
	toDevice  []byte
	framer    packet.Framer
	decoder   packet.Decoder
	aliases   map[uint16]string // those of the broker
	own       map[string]uint16 // those of the device
	ownMax    uint16
	rm        int // what this connection has announced
	acks      [][]byte

	// Publishing.
	outbox   []*note // not yet sent
	sent     []*note // sent and not acknowledged, in order
	redo     []*note // those of sent that this connection has to send again
	nextID   uint16
	quota    int
	quotaMax int
	pubRecs  map[uint16]bool // PUBREC has come

	// Receiving.
	open map[uint16]bool // QoS 2 identifiers between PUBLISH and PUBREL
	live map[uint16]bool // identifiers that the broker has in flight on this connection
	got  map[string]int  // by text
	last map[string]int  // by topic and publisher: the last number
}

// note is a message on its way into the broker.
type note struct {
	topic string
	text  string
	qos   packet.QoS
	id    uint16
	acked bool
}

func (w *world) newDevice(name string, v packet.Version, filters ...packet.Filter) *device {
	d := &device{w: w, name: name, version: v, filters: filters, got: map[string]int{}, last: map[string]int{},
		open: map[uint16]bool{}, pubRecs: map[uint16]bool{}}
	w.devices = append(w.devices, d)
	return d
}

// dial opens a connection and sends CONNECT.
func (d *device) dial() {
	w := d.w
	d.conn = w.b.Open(w.now, broker.ConnInfo{Remote: d.name})
	w.byConn[d.conn] = d
	d.up, d.acks, d.toBroker, d.toDevice = false, nil, nil, nil
	d.framer, d.decoder = packet.Framer{}, packet.Decoder{Version: d.version}
	d.aliases, d.own, d.live = map[uint16]string{}, map[string]uint16{}, map[uint16]bool{}
	c := &packet.Connect{ClientID: d.name, CleanStart: !d.begun && d.version == packet.V5, SessionExpiry: broker.Forever, KeepAlive: 3600}
	d.rm = 65535
	if d.version == packet.V5 {
		if w.random.IntN(2) == 0 {
			d.rm = 1 + w.random.IntN(10)
			c.ReceiveMaximum = uint16(d.rm)
		}
		c.TopicAliasMaximum = uint16(w.random.IntN(4))
	}
	d.send(c)
}

// lose cuts the connection: nothing that is under way arrives.
func (d *device) lose() {
	if d.conn == 0 {
		return
	}
	d.w.b.Closed(d.w.now, d.conn)
	delete(d.w.byConn, d.conn)
	d.conn, d.up = 0, false
}

func (d *device) send(p packet.Packet) {
	var err error
	if d.toBroker, err = p.Append(d.toBroker, d.version); err != nil {
		d.w.t.Fatalf("%s: %v", d.name, err)
	}
}

// publishNext sends one message of the outbox.
func (d *device) publishNext() {
	if !d.up || !d.resend() || len(d.outbox) == 0 {
		return
	}
	n := d.outbox[0]
	p := packet.Publish{Topic: n.topic, QoS: n.qos, Payload: []byte(n.text)}
	if n.qos > 0 {
		if d.quota == 0 {
			return
		}
		d.quota--
		for {
			d.nextID = d.nextID%50 + 1 // few, so that they come round often
			if !slices.ContainsFunc(d.sent, func(n *note) bool { return n.id == d.nextID }) {
				break
			}
		}
		n.id = d.nextID
		p.ID = n.id
		d.sent = append(d.sent, n)
	}
	d.outbox = d.outbox[1:]
	d.alias(&p)
	d.send(&p)
}

// alias replaces the topic of some messages.
func (d *device) alias(p *packet.Publish) {
	if d.ownMax == 0 || d.w.random.IntN(2) == 0 {
		return
	}
	if a := d.own[p.Topic]; a != 0 {
		p.Topic, p.TopicAlias = "", a
	} else if len(d.own) < int(d.ownMax) {
		a = uint16(len(d.own) + 1)
		d.own[p.Topic] = a
		p.TopicAlias = a
	}
}

// resume sends again what is unacknowledged [MQTT-4.4.0-1]: PUBREL at once, PUBLISH as the receive maximum allows.
func (d *device) resume() {
	d.redo = nil
	for _, n := range d.sent {
		if d.pubRecs[n.id] {
			d.send(&packet.Pubrel{Ack: packet.Ack{ID: n.id}})
			continue
		}
		d.redo = append(d.redo, n)
	}
	d.resend()
}

// resend sends what is left to be sent again, and reports whether that is all.
func (d *device) resend() bool {
	for len(d.redo) > 0 && d.quota > 0 {
		n := d.redo[0]
		d.redo = d.redo[1:]
		d.quota--
		d.send(&packet.Publish{Dup: true, Topic: n.topic, QoS: n.qos, ID: n.id, Payload: []byte(n.text)})
	}
	return len(d.redo) == 0
}

// take reads what has arrived, or a part of it.
func (d *device) take(n int) {
	p := d.toDevice[:n]
	d.toDevice = d.toDevice[n:]
	for {
		f, rest, ok, err := d.framer.Next(p)
		if err != nil {
			d.w.t.Fatalf("%s: %v", d.name, err)
		}
		if !ok {
			return
		}
		p = rest
		got, err := d.decoder.Decode(packet.Frame{First: f.First, Body: bytes.Clone(f.Body)})
		if err != nil {
			d.w.t.Fatalf("%s: %v", d.name, err)
		}
		d.handle(got)
		if d.conn == 0 {
			return
		}
	}
}

func (d *device) handle(p packet.Packet) {
	t := d.w.t
	if _, first := p.(*packet.Connack); first == d.up {
		t.Fatalf("%s: %s while up is %v", d.name, p.Type(), d.up)
	}
	switch p := p.(type) {
	case *packet.Connack:
		if p.Code != packet.Success || p.SessionPresent != d.begun {
			t.Fatalf("%s: CONNACK %s, session present %v, want %v", d.name, p.Code, p.SessionPresent, d.begun)
		}
		d.up, d.begun = true, true
		d.quota, d.ownMax = 65535, p.TopicAliasMaximum
		if p.ReceiveMaximum != 0 {
			d.quota = int(p.ReceiveMaximum)
		}
		if !d.subscribe && len(d.filters) > 0 {
			d.send(&packet.Subscribe{ID: 65000, Filters: d.filters})
		}
		d.quotaMax = d.quota
		d.resume()
	case *packet.Suback:
		for i, c := range p.Codes {
			if c.Failed() {
				t.Fatalf("%s: %s for %s", d.name, c, d.filters[i].Filter)
			}
		}
		d.subscribe = true
	case *packet.Publish:
		d.receive(p)
	case *packet.Pubrel:
		delete(d.open, p.ID)
		d.ack(&packet.Pubcomp{Ack: packet.Ack{ID: p.ID}})
	case *packet.Puback:
		d.done(p.ID, packet.QoS1)
	case *packet.Pubrec:
		d.pubRecs[p.ID] = true
		d.send(&packet.Pubrel{Ack: packet.Ack{ID: p.ID}})
	case *packet.Pubcomp:
		if d.pubRecs[p.ID] {
			delete(d.pubRecs, p.ID)
			d.done(p.ID, packet.QoS2)
		}
	case *packet.Pingresp:
	default:
		t.Fatalf("%s: unexpected %s: %+v", d.name, p.Type(), p)
	}
}

func (d *device) done(id uint16, qos packet.QoS) {
	i := slices.IndexFunc(d.sent, func(n *note) bool { return n.id == id && n.qos == qos })
	if i < 0 {
		d.w.t.Fatalf("%s: an acknowledgement for %d, which is not in flight", d.name, id)
	}
	d.sent[i].acked = true
	d.sent = slices.Delete(d.sent, i, i+1)
	d.quota = min(d.quota+1, d.quotaMax) // not above its first value [section 4.9]
}

// ack writes an acknowledgement now or later, but in order.
func (d *device) ack(p packet.Packet) {
	b, err := p.Append(nil, d.version)
	if err != nil {
		d.w.t.Fatal(err)
	}
	d.acks = append(d.acks, b)
}

func (d *device) flushAcks(n int) {
	for _, a := range d.acks[:min(n, len(d.acks))] {
		if a[0]>>4 != byte(packet.PUBREC) { // the exchange is over and its identifier free
			delete(d.live, uint16(a[2])<<8|uint16(a[3]))
		}
		d.toBroker = append(d.toBroker, a...)
	}
	d.acks = d.acks[min(n, len(d.acks)):]
}

// receive checks a message against the rules and notes it.
func (d *device) receive(p *packet.Publish) {
	t := d.w.t
	if p.TopicAlias != 0 {
		if p.Topic == "" {
			p.Topic = d.aliases[p.TopicAlias]
		}
		d.aliases[p.TopicAlias] = p.Topic
	}
	if !slices.ContainsFunc(d.filters, func(f packet.Filter) bool { return packet.Match(f.Filter, p.Topic) }) {
		t.Fatalf("%s: message on %q matches no filter [MQTT-3.3.2-3]", d.name, p.Topic)
	}
	if p.QoS > 0 {
		if d.live[p.ID] {
			t.Fatalf("%s: packet identifier %d is used twice [MQTT-2.2.1-4]", d.name, p.ID)
		}
		d.live[p.ID] = true
		if len(d.live) > d.rm {
			t.Fatalf("%s: %d messages in flight, the receive maximum is %d [MQTT-3.3.4-9]", d.name, len(d.live), d.rm)
		}
	}
	switch p.QoS {
	case packet.QoS1:
		d.ack(&packet.Puback{Ack: packet.Ack{ID: p.ID}})
	case packet.QoS2:
		d.ack(&packet.Pubrec{Ack: packet.Ack{ID: p.ID}})
		if d.open[p.ID] {
			if !p.Dup {
				t.Fatalf("%s: identifier %d is used again before PUBREL", d.name, p.ID)
			}
			return
		}
		d.open[p.ID] = true
	}
	d.note(p)
}

func (d *device) note(p *packet.Publish) {
	text := string(p.Payload)
	var from, topic string
	var number int
	if _, err := fmt.Sscanf(text, "%s %d %s", &from, &number, &topic); err != nil || topic != p.Topic {
		d.w.t.Fatalf("%s: payload %q on %q: %v", d.name, text, p.Topic, err)
	}
	d.got[text]++
	key := fmt.Sprintf("%s %s %d", p.Topic, from, p.QoS)
	if number < d.last[key] && !(p.QoS == packet.QoS1 && d.got[text] > 1) {
		d.w.t.Fatalf("%s: %q on %s comes after number %d [MQTT-4.6.0-6]", d.name, text, p.Topic, d.last[key])
	}
	d.last[key] = max(d.last[key], number)
}
