package sim

import (
	"errors"
	"slices"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// mistake is one that other clients make or have made.
type mistake struct {
	name string
	like string // in the list of failures that were found in public
	make func(c *client, e *engine.Engine) protocol
	want []Kind // how it is found
}

// enough seeds find every mistake; far fewer than CI lives.
const enough = 150

// TestMistakes shows that the simulator works: it finds what is known to go wrong elsewhere.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(enough) {
				if raceEnabled && seed == 5 {
					t.Skip("it takes more lives than there is time for with the race detector")
				}
				w := newWorld(seed, newPlan)
				w.wrap = m.make
				w.live()
				if v := w.violation; v != nil {
					t.Logf("after %d seeds: %v", seed+1, v)
					if !slices.Contains(m.want, v.Kind) {
						t.Errorf("it is found as %q, want one of %q", v.Kind, m.want)
					}
					return
				}
			}
			t.Errorf("not found in %d seeds", enough)
		})
	}
}

var mistakes = []mistake{
	{"DUP after a lost session", "F14", dupAfterLostSession, []Kind{kindDup}},
	{"acknowledgement of an old connection", "F17", oldAcks, []Kind{kindAck}},
	{"identifier used twice", "F24", sharedIDs, []Kind{kindID}},
	{"receive maximum ignored", "F34", noQuota, []Kind{kindQuota}},
	{"quota not rebuilt", "F12", leakyQuota, []Kind{kindStuck, kindKeepAlive, kindUntrue, kindDup, kindAck, kindAlias}}, // by what is held back
	{"alias used before it is bound", "F79", earlyAlias, []Kind{kindAlias}},
	{"alias kept across connections", "F77", oldAlias, []Kind{kindAlias}},
	{"PUBLISH after PUBREC", "F31", publishAgain, []Kind{kindReleased, kindExpiry}}, // with the bytes of the first time
	{"inbound identifiers forgotten", "F30", forgetful, []Kind{kindTwice}},
	{"inbound identifiers of a lost session", "F33", resentful, []Kind{kindLost}},
	{"resent out of order", "F16", backwards, []Kind{kindOrder}},
	{"ping state kept across connections", "F41", oldPing, []Kind{kindKeepAlive}},
	{"records stored late", "", lateRecords, []Kind{kindTwice, kindDup, kindID, kindLost, kindAck, kindProtocol}},
	{"completion lost at the end of a connection", "F10", lostCompletion, []Kind{kindCompletion}},
	{"completed twice", "", doubleCompletion, []Kind{kindCompletion}},
	{"success before the acknowledgement", "F22", earlySuccess, []Kind{kindUntrue, kindQuota, kindID}},
	{"says that nothing was sent", "", liar, []Kind{kindUntrue}},
	{"expiry ignored in the queue", "", noExpiry, []Kind{kindExpiry}},
	{"time of day trusted after it was lost", "", younger, []Kind{kindExpiry}},
	{"bytes after DISCONNECT", "", afterwards, []Kind{kindAfterEnd}},
	{"session present ignored", "F14", alwaysPresent, []Kind{kindDup, kindRestore, kindProtocol}},
	{"acknowledged out of order", "", anyOrder, []Kind{kindAck, kindStuck}},
	{"busy loop", "F70", restless, []Kind{kindWake}},
	{"never woken", "F44", sleepy, []Kind{kindKeepAlive, kindStuck}},
	{"queue without a bound", "F75", unbounded, []Kind{kindMemory}},
	{"rate ignored", "", hasty, []Kind{kindLimit}},
	{"rate of bytes ignored", "", wasteful, []Kind{kindLimit}},
	{"sends on in a pause", "", breathless, []Kind{kindPause}},
	{"a pause too short", "", impatient, []Kind{kindPause}},
	{"subscriptions not restored", "F64", noRestore, []Kind{kindRestore}},
}

// dupAfterLostSession marks as repeated what only a lost session has seen.
func dupAfterLostSession(c *client, e *engine.Engine) protocol {
	p := planted(c, e)
	sent := map[string]bool{}
	p.out = func(_ packet.Version, pk packet.Packet, raw []byte) []byte {
		if pub, ok := pk.(*packet.Publish); ok && pub.QoS > 0 {
			if sent[string(pub.Payload)] {
				raw[0] |= 0x08
			}
			sent[string(pub.Payload)] = true
		}
		return raw
	}
	return p
}

// oldAcks sends acknowledgements that were void.
func oldAcks(c *client, e *engine.Engine) protocol {
	return &stubborn{plant: planted(c, e), ids: map[engine.AckToken]packet.Packet{}}
}

type stubborn struct {
	*plant
	ids map[engine.AckToken]packet.Packet
}

func (s *stubborn) Receive(now engine.Instant, b []byte) ([]byte, *engine.Inbound) {
	rest, m := s.plant.Receive(now, b)
	if m != nil && m.QoS == packet.QoS1 {
		s.ids[m.Token] = &packet.Puback{Ack: packet.Ack{ID: m.ID}}
	}
	return rest, m
}

func (s *stubborn) Ack(now engine.Instant, t engine.AckToken, code packet.ReasonCode, reason string) error {
	err := s.plant.Ack(now, t, code, reason)
	if pk := s.ids[t]; pk != nil && errors.Is(err, engine.ErrAckVoid) && s.Connected() {
		s.extra = append(s.extra, encode(s.decoder.Version, pk)...)
	}
	return err
}

// sharedIDs gives out identifiers from two pools.
func sharedIDs(c *client, e *engine.Engine) protocol {
	p := planted(c, e)
	back := map[uint16][]uint16{} // wire to engine, in the order of sending
	there := map[uint16]uint16{}
	p.out = func(v packet.Version, pk packet.Packet, raw []byte) []byte {
		switch pk := pk.(type) {
		case *packet.Publish:
			if pk.QoS == 0 {
				return raw
			}
			id := pk.ID%3 + 1
			if there[pk.ID] != id {
				there[pk.ID] = id
				back[id] = append(back[id], pk.ID)
			}
			pk.ID = id
			return encode(v, pk)
		case *packet.Pubrel:
			if id := there[pk.ID]; id != 0 {
				pk.ID = id
			}
			return encode(v, pk)
		}
		return raw
	}
	p.in = func(v packet.Version, pk packet.Packet, raw []byte) []byte {
		if ack, ok := pk.(*packet.Connack); ok && !ack.SessionPresent {
			clear(back)
			clear(there)
		}
		a := ackOf(pk)
		if a == nil || pk.Type() == packet.PUBREL || len(back[a.ID]) == 0 {
			return raw
		}
		list := back[a.ID]
		if a.ID = list[0]; pk.Type() != packet.PUBREC || a.Code.Failed() {
			back[there[a.ID]] = list[1:]
			delete(there, a.ID)
		}
		return encode(v, pk)
	}
	return p
}

// noQuota reads no receive maximum.
func noQuota(c *client, e *engine.Engine) protocol {
	p := planted(c, e)
	p.in = func(v packet.Version, pk packet.Packet, raw []byte) []byte {
		if ack, ok := pk.(*packet.Connack); ok && v == packet.V5 {
			ack.ReceiveMaximum = 0
			return encode(v, ack)
		}
		return raw
	}
	return p
}

// leakyQuota has a count of its own of what is under way, and does not start it anew.
func leakyQuota(c *client, e *engine.Engine) protocol {
	p := planted(c, e)
	used, limit := 0, 65535
	var queue []byte
	p.closed = func() { queue = nil }
	p.out = func(_ packet.Version, pk packet.Packet, raw []byte) []byte {
		if pub, ok := pk.(*packet.Publish); !ok || pub.QoS == 0 {
			return raw
		}
		if used >= limit {
			queue = append(queue, raw...)
			return nil
		}
		used++
		return raw
	}
	p.in = func(_ packet.Version, pk packet.Packet, raw []byte) []byte {
		switch pk := pk.(type) {
		case *packet.Connack:
			if limit = int(pk.ReceiveMaximum); limit == 0 {
				limit = 65535
			}
		case *packet.Puback, *packet.Pubcomp:
			used--
		case *packet.Pubrec:
			if pk.Code.Failed() {
				used--
			}
		}
		for len(queue) > 0 && used < limit {
			_, n, _ := packet.ScanFrame(queue, 0)
			p.extra = append(p.extra, queue[:n]...)
			queue = queue[n:]
			used++
		}
		return raw
	}
	return p
}

// earlyAlias leaves the topic out of the packet that binds an alias.
func earlyAlias(c *client, e *engine.Engine) protocol {
	p := planted(c, e)
	p.out = func(v packet.Version, pk packet.Packet, raw []byte) []byte {
		if pub, ok := pk.(*packet.Publish); ok && pub.TopicAlias != 0 {
			pub.Topic = ""
			return encode(v, pub)
		}
		return raw
	}
	return p
}

// oldAlias takes the aliases of the last connection for known.
func oldAlias(c *client, e *engine.Engine) protocol {
	p := planted(c, e)
	bound := map[uint16]string{}
	p.out = func(v packet.Version, pk packet.Packet, raw []byte) []byte {
		pub, ok := pk.(*packet.Publish)
		if !ok || pub.TopicAlias == 0 || pub.Topic == "" {
			return raw
		}
		if bound[pub.TopicAlias] == pub.Topic {
			pub.Topic = ""
			return encode(v, pub)
		}
		bound[pub.TopicAlias] = pub.Topic
		return raw
	}
	return p
}

// publishAgain resumes at PUBLISH what it has released.
func publishAgain(c *client, e *engine.Engine) protocol {
	p := planted(c, e)
	sent := map[uint16][]byte{}
	resumed := false
	p.out = func(v packet.Version, pk packet.Packet, raw []byte) []byte {
		switch pk := pk.(type) {
		case *packet.Publish:
			if pk.QoS == packet.QoS2 && pk.TopicAlias == 0 {
				sent[pk.ID] = append([]byte{raw[0] | 0x08}, raw[1:]...)
			}
		case *packet.Pubrel:
			if again := sent[pk.ID]; resumed && again != nil && v == packet.V5 && pk.Code == packet.Success {
				return again
			}
		}
		return raw
	}
	p.in = func(_ packet.Version, pk packet.Packet, raw []byte) []byte {
		switch pk := pk.(type) {
		case *packet.Connack:
			if resumed = pk.SessionPresent; !resumed {
				clear(sent)
			}
		case *packet.Pubrec:
			resumed = false
		}
		return raw
	}
	return p
}
