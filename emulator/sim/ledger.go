package sim

import (
	"strconv"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// message is one publish of an application, and all that has become of it.
type message struct {
	n       int
	from    *client
	topic   string
	shared  bool // its topic is for shared subscriptions
	qos     packet.QoS
	retain  bool
	size    int            // of the payload
	expires engine.Instant // by the wall clock of its publisher; Never

	accepted engine.Instant // by the same, of one that expires
	seconds  uint32
	failed   bool // it was done with an error
	refused  bool // the broker answers it with a failing reason code
	poison   bool // the broker answers it by hanging up

	// At the publisher.
	req     *request
	stored  stored // in the session store
	process int    // which submitted it
	gone    bool   // with a process that kept nothing: nobody knows of it any more
	redone  int    // how often it was done in a later process
	doneIn  int    // the process in which it was done last
	takenIn int    // the session in which the driver last took it from the engine; 0: never
	wroteIn int    // and in which a byte of it has left
	whole   bool   // all of it has left

	// At the broker.
	seen     int // how often the broker took it
	seenConn *link
	seenIn   *session // of the publisher
	seenHere int      // how often it did in that session

	// Shared subscriptions: what all groups together were to get.
	group     tally
	groupEnds int // sessions that had ended when the broker took it first
}

// stored says what of a thing is in the session store.
type stored uint8

const (
	storedNot   stored = iota
	storedMaybe        // it was being written when the process ended
	storedYes
)

// tally counts one message towards one session.
type tally struct {
	owed    [3]int // by QoS
	any     int    // owed too, at a QoS that is not known
	dropped int    // by the broker, which said so
	got     [3]int // handed to the application, or with manual acknowledgement: taken by it
	maybe   int    // how often it may legitimately come again
	handed  bool   // the application has seen it
}

// session is what the broker keeps for a client identifier, from its creation to its end.
type session struct {
	client  *client
	ended   bool
	subs    map[string]grant
	tallies map[int]*tally
	first   map[flow]int // the last message that came for the first time
}

// grant is a subscription at the broker.
type grant struct {
	qos     packet.QoS
	noLocal bool
}

// flow is what keeps its order.
type flow struct {
	topic string
	from  *client
	qos   packet.QoS
}

func (s *session) tally(m *message) *tally {
	if m.shared {
		return &m.group
	}
	t := s.tallies[m.n]
	if t == nil {
		t = new(tally)
		s.tallies[m.n] = t
	}
	return t
}

// atMost returns how often a message may come at a QoS. One for a group may be handed on to another member, who has
// another QoS, when a session ends.
func (t *tally) atMost(m *message, qos packet.QoS) int {
	if m.shared {
		return t.owed[0] + t.owed[1] + t.owed[2] + t.any + t.maybe
	}
	return t.owed[qos] + t.any + t.maybe
}

// newMessage enters a message into the ledger.
func (w *world) newMessage(c *client, topic string, qos packet.QoS) *message {
	m := &message{n: len(w.messages), from: c, topic: topic, shared: topic[0] == 's', qos: qos, expires: engine.Never,
		process: c.process}
	w.messages = append(w.messages, m)
	return m
}

// payload is the number of the message, padded.
func (m *message) payload(size int) []byte {
	p := strconv.AppendInt(make([]byte, 0, max(size, 8)), int64(m.n), 10)
	for len(p) < size {
		p = append(p, '.')
	}
	return p
}

// message returns what a payload is of, nil for one that is not of the ledger.
func (w *world) message(payload []byte) *message {
	n := 0
	for i, c := range payload {
		if c < '0' || c > '9' {
			if i == 0 {
				return nil
			}
			break
		}
		if n = 10*n + int(c-'0'); n >= len(w.messages) {
			return nil
		}
	}
	if len(payload) == 0 {
		return nil
	}
	return w.messages[n]
}

// accept notes that the broker has taken a message.
func (s *server) accepted(m *message, c *broker.Client) {
	w := s.w
	ss := s.sessions[c.ID]
	m.seen++
	w.stats.Accepted++
	if m.seenIn != ss {
		m.seenIn, m.seenHere = ss, 0
	}
	l := s.links[c.Conn]
	switch {
	case ss == nil || ss.client != m.from:
		w.violate(kindModel, "message %d comes from %s", m.n, c.ID)
	case m.qos == packet.QoS0 && m.seen > 1:
		w.violate(kindTwice, "message %d at QoS 0 is sent twice", m.n)
	case m.qos == packet.QoS2 && m.seenHere > 0 && !m.refused && !m.poison && !m.from.app.blind:
		w.violate(kindTwice, "the broker takes message %d at QoS 2 twice in one session", m.n)
	case m.seen > 1 && m.seenConn == l:
		w.violate(kindTwice, "message %d is sent twice on one connection", m.n)
	}
	m.seenHere++
	m.seenConn = l
	if m.seen == 1 {
		m.groupEnds = w.ends
	}
}

// expired reports whether a message has outlived its time, by the wall clock of its publisher.
func (m *message) expired() bool { return m.expires <= m.from.wall() }

// left returns the seconds that a message still has, rounded up.
func (m *message) left() uint32 {
	d := time.Duration(m.expires - m.from.wall())
	return uint32(max(1, (d+time.Second-1)/time.Second))
}

// number names a message, or none.
func (m *message) number() int {
	if m == nil {
		return 0
	}
	return m.n
}
