package sink

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/wire"
)

const (
	sourcePrefix = "bench/source/"

	// maxSourceCount and maxSourceSize bound what a filter may ask for.
	maxSourceCount = 1 << 30
	maxSourceSize  = 64 << 10

	// sourceWindow is the number of QoS 1 messages in flight, unless the
	// client's receive maximum or sourceBytes allows fewer.
	sourceWindow = 1000
	sourceBytes  = 1 << 20
	// sourceBatch is about what one write of a QoS 0 source carries.
	sourceBatch = 128 << 10
)

// SourceFilter is the filter that asks the sink for count messages of size
// bytes, at the QoS of the subscription (0 or 1), on the topic of that name.
func SourceFilter(count, size int) string {
	return fmt.Sprintf("%s%d/%d", sourcePrefix, count, size)
}

func parseSourceFilter(filter string) (count, size int, ok bool) {
	rest, ok := strings.CutPrefix(filter, sourcePrefix)
	if !ok {
		return 0, 0, false
	}
	c, s, ok := strings.Cut(rest, "/")
	if !ok {
		return 0, 0, false
	}
	count, err := strconv.Atoi(c)
	if err != nil || count < 1 || count > maxSourceCount {
		return 0, 0, false
	}
	size, err = strconv.Atoi(s)
	if err != nil || size < 0 || size > maxSourceSize {
		return 0, 0, false
	}
	return count, size, true
}

// source sends a bounded number of messages that were encoded beforehand.
//
// At QoS 1 the ring holds every packet identifier of the window twice, so that
// any run of free identifiers is one piece of it and leaves in one write.
type source struct {
	ring      []byte
	packet    int // bytes of one packet
	window    int // packets in flight at QoS 1, packets per write at QoS 0
	qos       byte
	remaining int

	// QoS 1 only. Identifiers are 1 to window, here from zero.
	next     int    // the identifier to send next
	oldest   int    // the identifier to be acknowledged next, if in order
	inflight []bool // by identifier
}

func newSource(level byte, topic string, count, size int, qos byte, receiveMaximum uint16) *source {
	payload := bytes.Repeat([]byte{'p'}, size)
	s := &source{qos: qos, remaining: count}
	s.packet = len(wire.AppendPublish(nil, level, topic, payload, qos, 1))
	if qos == 0 {
		s.window = max(1, sourceBatch/s.packet)
		for range s.window {
			s.ring = wire.AppendPublish(s.ring, level, topic, payload, 0, 0)
		}
		return s
	}
	s.window = max(1, min(sourceWindow, int(receiveMaximum), sourceBytes/s.packet))
	s.inflight = make([]bool, s.window)
	for range 2 {
		for id := range s.window {
			s.ring = wire.AppendPublish(s.ring, level, topic, payload, 1, uint16(id+1))
		}
	}
	return s
}

// chunk is the next piece to write, with the number of messages in it: as many
// as are allowed now. It is empty when there is nothing to send at present.
func (s *source) chunk() ([]byte, int) {
	if s.qos == 0 {
		n := min(s.window, s.remaining)
		s.remaining -= n
		return s.ring[:n*s.packet], n
	}
	first, n := s.next, 0
	for n < s.remaining && n < s.window && !s.inflight[s.next] {
		s.inflight[s.next] = true
		s.next = s.after(s.next)
		n++
	}
	s.remaining -= n
	return s.ring[first*s.packet : (first+n)*s.packet], n
}

// ack takes a PUBACK. known is false for an identifier that is not in flight.
func (s *source) ack(id uint16) (known, inOrder bool) {
	i := int(id) - 1
	if i < 0 || i >= len(s.inflight) || !s.inflight[i] {
		return false, false
	}
	s.inflight[i] = false
	inOrder = i == s.oldest
	s.oldest = s.after(i)
	return true, inOrder
}

func (s *source) after(id int) int {
	if id++; id == s.window {
		return 0
	}
	return id
}

// idle says that everything was sent and acknowledged.
func (s *source) idle() bool {
	if s.remaining > 0 {
		return false
	}
	for _, busy := range s.inflight {
		if busy {
			return false
		}
	}
	return true
}
