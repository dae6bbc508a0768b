package awsiot

import (
	"encoding/binary"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// maxKept is how much of a packet's beginning is kept: a topic of the longest kind and what stands before it, or some
// filters.
const maxKept = 512

// sent cuts the outgoing stream into packets and keeps the beginning of the last one that asks for something.
type sent struct {
	head  [5]byte // of the packet that begins
	n     int     // bytes of it
	left  int     // of the body of the packet under way
	keeps bool    // the packet under way is the one to keep

	first byte // of the packet that is kept; 0: none yet
	size  int  // of its body
	body  [maxKept]byte
	kept  int
	at    time.Time // when it began
}

// note takes the next bytes of the stream. It is on the way of every message: only the last packet is copied.
func (s *sent) note(p []byte) {
	body := -1 // where in p that of the last packet to keep begins
	for i := 0; i < len(p); {
		if s.left > 0 {
			n := min(s.left, len(p)-i)
			if s.keeps && body < 0 { // it began in an earlier piece
				s.kept += copy(s.body[s.kept:], p[i:i+n])
			}
			s.left -= n
			i += n
			continue
		}
		if s.n == 0 && i+1 < len(p) && p[i+1] < 0x80 { // most packets are small
			s.begin(p[i], int(p[i+1]))
			i += 2
		} else {
			s.head[s.n] = p[i]
			s.n++
			i++
			if s.n < 2 || s.head[s.n-1]&0x80 != 0 && s.n < len(s.head) {
				continue
			}
			size, _ := takeVarint(s.head[1:s.n])
			s.begin(s.head[0], size)
		}
		if s.keeps {
			body = i
		}
	}
	if body >= 0 {
		s.kept = copy(s.body[:], p[body:min(body+s.size, len(p))])
		s.at = time.Now()
	}
}

// begin takes the fixed header of the next packet.
func (s *sent) begin(first byte, size int) {
	s.left, s.n = size, 0
	switch packet.Type(first >> 4) {
	case packet.CONNECT, packet.PUBLISH, packet.SUBSCRIBE, packet.UNSUBSCRIBE:
		s.keeps, s.first, s.size = true, first, size
	default:
		s.keeps = false
	}
}

// request is a packet that asks for something.
type request struct {
	packet  packet.Type // 0: none
	topic   string      // of a PUBLISH; empty where an alias stands for it
	qos     packet.QoS
	retain  bool
	payload int      // bytes
	filters []string // of a SUBSCRIBE or UNSUBSCRIBE, as far as they are kept
	more    bool     // there are others
	at      time.Time
}

// request reads what is kept. Whatever it cannot read it leaves out.
func (s *sent) request(v packet.Version) request {
	r := request{packet: packet.Type(s.first >> 4), at: s.at}
	body := s.body[:s.kept]
	switch r.packet {
	case packet.PUBLISH:
		r.qos, r.retain = packet.QoS(s.first>>1&3), s.first&1 != 0
		topic, rest, ok := takeString(body)
		if !ok {
			r.topic = beginning(body)
			return r
		}
		r.topic, body = topic, rest
		r.payload = s.size - 2 - len(r.topic)
		if r.qos > 0 {
			body, r.payload = body[min(2, len(body)):], r.payload-2
		}
		if v == packet.V5 {
			properties, width := takeVarint(body)
			r.payload -= properties + width
		}
	case packet.SUBSCRIBE, packet.UNSUBSCRIBE:
		body = body[min(2, len(body)):]
		if v == packet.V5 {
			properties, width := takeVarint(body)
			body = body[min(properties+width, len(body)):]
		}
		for len(body) > 0 {
			filter, rest, ok := takeString(body)
			if !ok {
				if filter = beginning(body); filter != "" {
					r.filters = append(r.filters, filter)
				}
				r.more = true
				return r
			}
			r.filters = append(r.filters, filter)
			if r.packet == packet.SUBSCRIBE {
				rest = rest[min(1, len(rest)):]
			}
			body = rest
		}
		r.more = s.size > s.kept
	}
	return r
}

func takeString(p []byte) (s string, rest []byte, ok bool) {
	if len(p) < 2 {
		return "", nil, false
	}
	n := int(binary.BigEndian.Uint16(p))
	if len(p) < 2+n {
		return "", nil, false
	}
	return string(p[2 : 2+n]), p[2+n:], true
}

// beginning is what is kept of a string that is longer than any that the service takes.
func beginning(p []byte) string {
	if len(p) <= 2+maxTopic {
		return ""
	}
	return string(p[2:])
}

func takeVarint(p []byte) (v, width int) {
	for i, b := range p[:min(4, len(p))] {
		v |= int(b&0x7F) << (7 * i)
		if b&0x80 == 0 {
			return v, i + 1
		}
	}
	return 0, 0
}
