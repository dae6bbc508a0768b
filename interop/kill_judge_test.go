package interop

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/interop/internal/broker"
)

// judge compares what was promised with what has arrived.
func (k *killing) judge(t *testing.T) {
	t.Helper()
	if k.broker.Kind == broker.Mosquitto && !slices.ContainsFunc(k.deaths, func(d absence) bool { return bytes.Contains(d.stored, []byte(killPayload)) }) {
		t.Error("Mosquitto's files hold no message at all: they are not read as they should be")
	}
	for _, l := range []*ledger{k.up, k.down} {
		for qos := 1; qos <= 2; qos++ {
			s, lost := l.sum(t, qos)
			t.Logf("%-4s QoS %d: %d promised, %d arrived (%d of them before the promise), %d repeated, %d refused, %d lost",
				l.direction, qos, s.promised, s.arrived, s.unpromised, s.repeated, s.refused, len(lost))
			if s.promised != k.perLane*lanes/2 {
				t.Errorf("%s at QoS %d: %d were promised, want %d", l.direction, qos, s.promised, k.perLane*lanes/2)
			}
			if most := lanes / 2 * len(k.endings); s.unpromised > most {
				t.Errorf("%s at QoS %d: %d arrived that were not promised, want at most one per lane and death", l.direction, qos, s.unpromised)
			}
			if k.broker.Kind == broker.Emulator {
				if len(lost)+s.refused > 0 {
					t.Errorf("%s at QoS %d: %d are lost, %d refused", l.direction, qos, len(lost), s.refused)
				}
				if l == k.up && qos == 2 && s.repeated > 0 {
					t.Errorf("%d at QoS 2 arrived again at a client that never died", s.repeated)
				}
				continue
			}
			k.excuse(t, l, qos, lost)
		}
		twice, disorder := l.wrongs()
		t.Logf("%-4s: %d times twice at QoS 2 to one process, %d times out of order", l.direction, len(twice), len(disorder))
		if k.broker.Kind == broker.Emulator && len(twice)+len(disorder) > 0 {
			t.Errorf("%s: twice %.10q, out of order %.10q", l.direction, twice, disorder)
		}
	}
}

// settles is after how long Mosquitto has surely written what it has acknowledged, and, after it is back, completed the
// exchanges that were under way.
const settles = 2 * time.Second

// excuse accepts a loss only where the message was in the hands of Mosquitto when it was killed. At QoS 1 it must not have
// been on its disk then: what was is delivered after the restart. At QoS 2 a message whose PUBREC has left is forgotten
// with what was not written, and its PUBREL, which is all that the client sends again [MQTT-4.4.0-1], brings nothing back;
// and identifiers that were given out and forgotten are given out again, so that a new message looks like one that was not
// released [MQTT-4.3.3-10].
func (k *killing) excuse(t *testing.T, l *ledger, qos int, lost map[string]*entry) {
	t.Helper()
	unexcused := 0
	for topic, e := range lost {
		if qos == 1 {
			t.Logf("%s is lost", topic)
		}
		if !slices.ContainsFunc(k.deaths, func(death absence) bool {
			return k.around(death, e.acked) && (qos == 2 || !bytes.Contains(death.stored, []byte(topic+killPayload)))
		}) {
			unexcused++
		}
	}
	if unexcused > 0 {
		t.Errorf("%s at QoS %d: %d are lost that Mosquitto cannot have lost by its death", l.direction, qos, unexcused)
	}
}

// around reports whether the broker died around an acknowledgement. Where the process died before it could tell of the
// acknowledgement, the broker must have died around that.
func (k *killing) around(death absence, acked time.Time) bool {
	from, to := death.from.Add(-settles), death.to.Add(settles)
	if !acked.IsZero() {
		return acked.After(from) && acked.Before(to)
	}
	return slices.ContainsFunc(k.endings, func(ending time.Time) bool { return ending.After(from) && ending.Before(to) })
}
