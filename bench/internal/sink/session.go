package sink

import (
	"errors"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/wire"
)

// ErrProtocol marks a client that sent well-formed packets in a way the
// specification forbids.
var ErrProtocol = errors.New("sink: protocol error")

// errDisconnected ends a session whose client sent DISCONNECT.
var errDisconnected = errors.New("sink: disconnected")

// session is the sink's side of one connection, without the connection: bytes
// go in through feed; out and the chunks of the source are what to write.
type session struct {
	joined         func(clientID string)
	level          byte // zero until CONNECT
	receiveMaximum uint16
	counts         Counts
	out            []byte
	source         *source
}

// feed handles the whole packets at the start of buf and says how many bytes
// they took. The acknowledgements are appended to s.out.
func (s *session) feed(buf []byte) (consumed int, err error) {
	for {
		header, body, size, err := wire.Next(buf[consumed:], wire.MaxPacket)
		if size == 0 || err != nil {
			return consumed, err
		}
		if err := s.packet(header, body); err != nil {
			return consumed, err
		}
		consumed += size
	}
}

func (s *session) packet(header byte, body []byte) error {
	kind := header >> 4
	if s.level == 0 {
		if kind != wire.Connect { // [MQTT-3.1.0-1]
			return fmt.Errorf("%w: packet type %d before CONNECT", ErrProtocol, kind)
		}
		return s.connect(body)
	}
	switch kind {
	case wire.Publish:
		return s.publish(header, body)
	case wire.Pubrel:
		return s.pubrel(header, body)
	case wire.Puback:
		return s.puback(body)
	case wire.Subscribe:
		return s.subscribe(header, body)
	case wire.Pingreq:
		s.out = append(s.out, wire.Pingresp<<4, 0)
		return nil
	case wire.Disconnect:
		return errDisconnected
	}
	return fmt.Errorf("%w: packet type %d from a client", ErrProtocol, kind)
}

func (s *session) connect(body []byte) error {
	info, err := wire.ParseConnect(body)
	if err != nil {
		return err
	}
	s.level, s.receiveMaximum = info.Level, info.ReceiveMaximum
	s.joined(info.ClientID)
	s.out = wire.AppendConnack(s.out, s.level)
	return nil
}

func (s *session) publish(header byte, body []byte) error {
	_, payload, id, err := wire.ParsePublish(s.level, header, body)
	if err != nil {
		return err
	}
	qos := header >> 1 & 3
	s.counts.Publishes[qos]++
	s.counts.Payload += uint64(len(payload))
	switch qos {
	case 1:
		s.out = wire.AppendAck(s.out, wire.Puback, id)
	case 2:
		s.out = wire.AppendAck(s.out, wire.Pubrec, id)
	}
	return nil
}

func (s *session) pubrel(header byte, body []byte) error {
	id, _, err := wire.ParseAck(s.level, body)
	if err != nil {
		return err
	}
	if header&0x0F != 2 { // [MQTT-3.6.1-1]
		return fmt.Errorf("%w: PUBREL with flags %x", ErrProtocol, header&0x0F)
	}
	s.counts.Pubrels++
	s.out = wire.AppendAck(s.out, wire.Pubcomp, id)
	return nil
}

func (s *session) puback(body []byte) error {
	id, reason, err := wire.ParseAck(s.level, body)
	if err != nil {
		return err
	}
	if s.source == nil {
		return fmt.Errorf("%w: PUBACK %d without a PUBLISH", ErrProtocol, id)
	}
	if reason >= 0x80 {
		return fmt.Errorf("%w: PUBACK %d refuses with 0x%02x", ErrProtocol, id, reason)
	}
	known, inOrder := s.source.ack(id)
	if !known {
		return fmt.Errorf("%w: PUBACK %d is not in flight", ErrProtocol, id)
	}
	if !inOrder {
		s.counts.OutOfOrder++
	}
	s.counts.Pubacks++
	return nil
}

// subscribe grants everything. A filter made by SourceFilter starts a source,
// unless the one before it is still busy: then that filter is refused.
func (s *session) subscribe(header byte, body []byte) error {
	id, filters, err := wire.ParseSubscribe(s.level, body)
	if err != nil {
		return err
	}
	if header&0x0F != 2 { // [MQTT-3.8.1-1]
		return fmt.Errorf("%w: SUBSCRIBE with flags %x", ErrProtocol, header&0x0F)
	}
	var codes []byte
	for filter, qos := range wire.Filters(filters) {
		code := min(qos, 1)
		if count, size, ok := parseSourceFilter(filter); ok {
			if s.source != nil && !s.source.idle() {
				code = 0x80
			} else {
				s.source = newSource(s.level, filter, count, size, code, s.receiveMaximum)
			}
		}
		codes = append(codes, code)
	}
	s.out = wire.AppendSuback(s.out, s.level, id, codes...)
	return nil
}

// chunk is the next piece of the source to write; empty when there is none.
func (s *session) chunk() []byte {
	if s.source == nil {
		return nil
	}
	chunk, n := s.source.chunk()
	s.counts.Sent += uint64(n)
	return chunk
}
