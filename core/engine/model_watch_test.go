package engine

import (
	"strconv"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// modelWatch looks at every packet on both sides of the engine, and inside it, and knows what is allowed.
type modelWatch struct {
	w        *modelWorld
	in       packet.Framer
	decoder  packet.Decoder
	limit    int            // the broker's receive maximum
	flying   map[uint16]int // PUBLISH of this connection that count against it
	ids      map[uint16]int // every identifier in use, and the operation that has it; 0: unknown, in quarantine
	control  map[uint16]bool
	last     [3]int // the last operation sent, of QoS 0, and of QoS 1 and 2 together
	bye      bool   // DISCONNECT was sent
	pubrecs  []uint16
	released []uint16 // PUBREC received and PUBCOMP not, in this order
	history  []uint16 // every PUBREC
}

func newModelWatch(w *modelWorld) *modelWatch {
	v := &modelWatch{w: w, ids: map[uint16]int{}, control: map[uint16]bool{}}
	v.decoder.Version = w.cfg.Version
	return v
}

func (v *modelWatch) connected() {
	v.in.Reset()
	v.flying, v.last, v.bye = map[uint16]int{}, [3]int{}, false
	v.limit = 65535
	v.pubrecs = append([]uint16(nil), v.released...)
}

func (v *modelWatch) disconnected() {
	for id := range v.control {
		delete(v.ids, id)
	}
	clear(v.control)
}

// sessionEnds forgets what the session knew.
func (v *modelWatch) sessionEnds(ends bool) {
	if !ends {
		return
	}
	clear(v.ids)
	v.released, v.pubrecs = nil, nil
	for _, m := range v.w.ops {
		m.sent = false
	}
}

func (v *modelWatch) op(number int) *modelOp {
	for _, m := range v.w.ops {
		if m.number == number && m.kind == OpPublish {
			return m
		}
	}
	return nil
}

// sent judges what the driver takes, and returns the messages in it.
func (v *modelWatch) sent(p []byte) (ops []*modelOp) {
	t := v.w.t
	for len(p) > 0 {
		f, n, err := packet.ScanFrame(p, 0)
		if err != nil || n == 0 {
			t.Fatalf("not whole packets: % x: %v", p, err)
		}
		pk, err := v.decoder.Decode(f)
		if err != nil {
			t.Fatal(err)
		}
		p = p[n:]
		if v.bye {
			t.Fatalf("%s after DISCONNECT", pk.Type())
		}
		switch pk := pk.(type) {
		case *packet.Publish:
			ops = append(ops, v.publish(pk))
		case *packet.Subscribe:
			v.use(pk.ID, 0)
			v.control[pk.ID] = true
		case *packet.Unsubscribe:
			v.use(pk.ID, 0)
			v.control[pk.ID] = true
		case *packet.Pubrel:
			v.pubrel(pk)
		case *packet.Disconnect:
			v.bye = true
		}
	}
	return ops
}

func (v *modelWatch) use(id uint16, number int) {
	if other, used := v.ids[id]; used && (other != number || number == 0) || id == 0 {
		v.w.t.Fatalf("identifier %d is taken by operation %d and in use by %d", id, number, other)
	}
	v.ids[id] = number
}

func (v *modelWatch) publish(p *packet.Publish) *modelOp {
	t := v.w.t
	number, _ := strconv.Atoi(string(p.Payload))
	flow := min(int(p.QoS), 1)
	if number <= v.last[flow] {
		t.Fatalf("message %d is sent after %d", number, v.last[flow])
	}
	v.last[flow] = number
	m := v.op(number)
	if m == nil {
		t.Fatalf("message %d is sent and not under way", number)
	}
	if p.Dup != (m.sent && p.QoS > 0) {
		t.Fatalf("message %d has DUP %v, and was sent before: %v", number, p.Dup, m.sent)
	}
	m.sent, m.taken = true, true
	if p.QoS == 0 {
		return m
	}
	v.use(p.ID, number)
	v.flying[p.ID] = number
	if len(v.flying) > v.limit {
		t.Fatalf("%d messages are under way, the limit is %d", len(v.flying), v.limit)
	}
	return m
}

// pubrel comes in the order of the PUBRECs, which on a new connection is that of all those before.
func (v *modelWatch) pubrel(p *packet.Pubrel) {
	if p.Code != packet.Success || v.w.cfg.Version == packet.V311 && (len(v.pubrecs) == 0 || v.pubrecs[0] != p.ID) {
		return // of a message that was given up, which no order binds
	}
	if len(v.pubrecs) == 0 || v.pubrecs[0] != p.ID {
		v.w.t.Fatalf("PUBREL %d, but the order of PUBREC is %v", p.ID, v.pubrecs)
	}
	v.pubrecs = v.pubrecs[1:]
}

// received notes what the client has read.
func (v *modelWatch) received(p []byte) {
	for {
		f, rest, ok, err := v.in.Next(p)
		if err != nil || !ok {
			return
		}
		p = rest
		pk, err := v.decoder.Decode(f)
		if err != nil {
			v.w.t.Fatal(err)
		}
		switch pk := pk.(type) {
		case *packet.Connack:
			if pk.ReceiveMaximum != 0 {
				v.limit = int(pk.ReceiveMaximum)
			}
		case *packet.Puback:
			delete(v.flying, pk.ID)
			delete(v.ids, pk.ID)
		case *packet.Pubrec:
			v.pubrecs = append(v.pubrecs, pk.ID)
			v.released = append(v.released, pk.ID)
			v.history = append(v.history, pk.ID)
		case *packet.Pubcomp:
			delete(v.flying, pk.ID)
			delete(v.ids, pk.ID)
			v.unrelease(pk.ID)
		case *packet.Suback:
			delete(v.ids, pk.ID)
			delete(v.control, pk.ID)
		case *packet.Unsuback:
			delete(v.ids, pk.ID)
			delete(v.control, pk.ID)
		}
	}
}

func (v *modelWatch) unrelease(id uint16) {
	for i, other := range v.released {
		if other == id {
			v.released = append(v.released[:i:i], v.released[i+1:]...)
			return
		}
	}
}

// done frees the identifiers of what was given up between connections. At QoS 2 they stay in quarantine.
func (v *modelWatch) done(o *Op, m *modelOp) {
	if o.Err == nil {
		return
	}
	for id, number := range v.ids {
		if number != m.number || m.kind != OpPublish {
			continue
		}
		if m.qos == packet.QoS2 && m.sent {
			v.ids[id] = 0
			v.unrelease(id)
		} else {
			delete(v.ids, id)
		}
	}
}
