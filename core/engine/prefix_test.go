package engine

import (
	"maps"
	"slices"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// TestGivenUpInPart: a process may end between any two records of what it does when it gives a message up. Whatever is
// stored by then can be read, and the next process either goes on with the message or releases its identifier.
func TestGivenUpInPart(t *testing.T) {
	t.Parallel()
	cfg := Config{Durable: true, MaxInterrupted: 1}
	e := connected(t, cfg, packet.Connack{})
	must(t, e.Submit(e.now, publishOp(packet.QoS2)))
	drain(e)
	reconnect(t, e, packet.Connack{SessionPresent: true})
	before := e.TakeRecords(nil)
	stored := map[uint64][]byte{}
	apply := func(records []Record) {
		for _, r := range records {
			if r.Value == nil {
				delete(stored, r.Key)
			} else {
				stored[r.Key] = slices.Clone(r.Value)
			}
		}
	}
	apply(before)
	e.Closed(e.now)
	if done := e.TakeDone(nil); len(done) != 1 || done[0].Err != ErrInterrupted {
		t.Fatalf("%d operations are over", len(done))
	}
	records := e.TakeRecords(nil)
	if len(records) < 3 {
		t.Fatalf("only %d records", len(records))
	}
	full := maps.Clone(stored)
	for n := range len(records) + 1 {
		stored = maps.Clone(full)
		apply(records[:n])
		next := newEngine(t, cfg)
		for _, key := range slices.Sorted(maps.Keys(stored)) {
			must(t, next.Load(key, stored[key]))
		}
		restored := next.LoadDone(0)
		must(t, next.Open(0, &packet.Connect{ClientID: "c"}, Never))
		drain(next)
		feedPacket(t, next, &packet.Connack{SessionPresent: true})
		switch list := packetsIn(t, next, drain(next)); {
		case len(list) != 1:
			t.Errorf("after %d records: %d packets", n, len(list))
		case restored == 1 && list[0].Type() != packet.PUBLISH, restored == 0 && list[0].Type() != packet.PUBREL, restored > 1:
			t.Errorf("after %d records: %d messages are restored, and %s is sent", n, restored, list[0].Type())
		}
	}
}
