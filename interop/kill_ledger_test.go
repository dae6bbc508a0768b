package interop

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// ledger has what was promised in one direction, and what has arrived.
type ledger struct {
	direction string

	mu       sync.Mutex
	entries  map[string]*entry
	promised [lanes]int // messages
	last     [lanes]position
	life     int // of the receiver
	disorder []string
	twice    []string // at QoS 2, by one life of the receiver, or without saying that it is a duplicate
}

type entry struct {
	lane     int
	promised bool
	acked    time.Time
	refused  bool // by the broker, and the sender was told
	arrived  int
	life     int // of the receiver that got it last
}

type position struct{ life, n int }

func newLedger(direction string) *ledger {
	return &ledger{direction: direction, entries: make(map[string]*entry)}
}

// entry is called with mu held.
func (l *ledger) entry(topic string) *entry {
	e := l.entries[topic]
	if e == nil {
		e = &entry{lane: -1}
		_, _ = fmt.Sscanf(topic, l.direction+"/%d", &e.lane)
		l.entries[topic] = e
	}
	return e
}

// promise notes a message that must arrive.
func (l *ledger) promise(topic string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entry(topic)
	e.promised = true
	l.promised[e.lane]++
}

// acknowledged notes that the broker has a message, or says so. Of a message at QoS 2 that the broker had taken in an
// earlier life the client knows no more than the identifier.
func (l *ledger) acknowledged(topic string) {
	if topic == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entry(topic).acked = time.Now()
}

// refuse notes that the sender was told that the broker does not take a message.
func (l *ledger) refuse(topic string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entry(topic).refused = true
}

func (l *ledger) arrive(topic string, again bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entry(topic)
	if e.arrived++; e.arrived > 1 {
		if laneQoS(e.lane) == 2 && (e.life == l.life || !again) {
			l.twice = append(l.twice, topic)
		}
		e.life = l.life
		return
	}
	e.life = l.life
	var at position
	if _, err := fmt.Sscanf(topic, l.direction+"/%d/%d/%d", &e.lane, &at.life, &at.n); err != nil {
		return // the end
	}
	if before := l.last[e.lane]; at.life < before.life || at.life == before.life && at.n < before.n {
		l.disorder = append(l.disorder, fmt.Sprintf("%s after %d/%d", topic, before.life, before.n))
	}
	l.last[e.lane] = at
}

// died begins the next life of the receiver.
func (l *ledger) died() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.life++
}

func (l *ledger) count() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, lane := range l.promised {
		n += lane
	}
	return n
}

// behind is how many messages of a lane have not come as far as is known. What is lost does not count.
func (l *ledger) behind(lane int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.promised[lane] - l.last[lane].n - 1
}

// complete reports whether the ends of all lanes have arrived.
func (l *ledger) complete() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for lane := range lanes {
		if e := l.entries[laneEnd(l.direction, lane)]; e == nil || e.arrived == 0 {
			return false
		}
	}
	return true
}

// sums is what came of one direction at one QoS.
type sums struct{ promised, arrived, repeated, unpromised, refused int }

func (l *ledger) sum(t testing.TB, qos int) (s sums, lost map[string]*entry) {
	t.Helper()
	lost = make(map[string]*entry)
	l.mu.Lock()
	defer l.mu.Unlock()
	for topic, e := range l.entries {
		if e.lane < 0 || e.lane >= lanes {
			t.Errorf("%s was never sent", topic)
			continue
		}
		if topic == laneEnd(l.direction, e.lane) || int(laneQoS(e.lane)) != qos {
			continue
		}
		if e.promised {
			s.promised++
		} else if e.arrived > 0 {
			s.unpromised++ // the kill came before the promise
		}
		if e.arrived > 0 {
			s.arrived++
			s.repeated += e.arrived - 1
		} else if e.refused {
			s.refused++
		} else if e.promised {
			lost[topic] = e
		}
	}
	return s, lost
}

// wrongs are duplicates and disorder.
func (l *ledger) wrongs() (twice, disorder []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.twice), slices.Clone(l.disorder)
}
