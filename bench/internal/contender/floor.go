package contender

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/wire"
)

// floor is no client but what a client cannot get below: the same packets, made
// beforehand, over the same kind of socket, in as few system calls as the rules
// of the measurement allow. It shows that the sink is not what is measured.
type floor struct {
	conn    net.Conn
	in      wire.Buffer
	scratch []byte // acknowledgements to write

	// Receiving only.
	onPayload atomic.Pointer[func([]byte)]
	granted   chan error // closed when the reader ends
	reader    sync.WaitGroup
}

const floorLevel = wire.V5

func (f *floor) Connect(ctx context.Context, addr, clientID string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return wrap(FloorName, err)
	}
	f.conn = conn
	if _, err := conn.Write(wire.AppendConnect(nil, floorLevel, clientID, 0)); err != nil {
		return wrap(FloorName, err)
	}
	header, _, err := f.next()
	if err == nil && header>>4 != wire.Connack {
		err = fmt.Errorf("packet type %d for a CONNACK", header>>4)
	}
	return wrap(FloorName, err)
}

// next is the next packet; it reads only when no whole one is left.
func (f *floor) next() (header byte, body []byte, err error) {
	for {
		header, body, size, err := wire.Next(f.in.Unread(), wire.MaxPacket)
		if err != nil {
			return 0, nil, err
		}
		if size > 0 {
			f.in.Skip(size)
			return header, body, nil
		}
		if err := f.in.Fill(f.conn); err != nil {
			return 0, nil, err
		}
	}
}

// Publish is for one caller at a time.
func (f *floor) Publish(m Message) error { return f.PublishMany(m, 1, 1) }

// PublishMany writes as many messages at once as the window allows, with the
// PUBRELs that are due before them, then handles all that one read brings.
func (f *floor) PublishMany(m Message, count, window int) error {
	// Every packet identifier of the window twice, so that any run of free
	// ones, which come back in order, is one piece.
	window = min(window, count, 65535)
	var ring []byte
	for i := range 2 * window {
		ring = wire.AppendPublish(ring, floorLevel, m.Topic, m.Payload, m.QoS, uint16(i%window+1))
	}
	size := len(ring) / (2 * window)
	unsent, free, incomplete, next := count, window, 0, 0
	for unsent > 0 || incomplete > 0 {
		n := min(free, unsent)
		out := ring[next*size : (next+n)*size]
		if len(f.scratch) > 0 { // PUBRELs
			f.scratch = append(f.scratch, out...)
			out = f.scratch
		}
		if _, err := f.conn.Write(out); err != nil {
			return wrap(FloorName, err)
		}
		f.scratch = f.scratch[:0]
		unsent -= n
		if m.QoS == 0 {
			continue
		}
		next = (next + n) % window
		free -= n
		incomplete += n
		done, err := f.acks()
		if err != nil {
			return wrap(FloorName, err)
		}
		free += done
		incomplete -= done
	}
	return nil
}

// acks handles one read's worth of acknowledgements: how many publishes are
// complete now, with the PUBRELs for the others in f.scratch.
func (f *floor) acks() (done int, err error) {
	for {
		header, body, err := f.next()
		if err != nil {
			return done, err
		}
		id, reason, err := wire.ParseAck(floorLevel, body)
		if err != nil {
			return done, err
		}
		switch kind := header >> 4; {
		case reason >= 0x80:
			return done, fmt.Errorf("refused with 0x%02x", reason)
		case kind == wire.Puback, kind == wire.Pubcomp:
			done++
		case kind == wire.Pubrec:
			f.scratch = wire.AppendAck(f.scratch, wire.Pubrel, id)
		default:
			return done, fmt.Errorf("packet type %d for an acknowledgement", kind)
		}
		if len(f.in.Unread()) == 0 {
			return done, nil
		}
	}
}

// Subscribe starts a reader on first use. From then on only the reader may
// read: a floor either publishes or receives.
func (f *floor) Subscribe(filter string, qos byte, onPayload func([]byte)) error {
	f.onPayload.Store(&onPayload)
	if _, err := f.conn.Write(wire.AppendSubscribe(nil, floorLevel, 1, filter, qos)); err != nil {
		return wrap(FloorName, err)
	}
	if f.granted == nil {
		f.granted = make(chan error, 1)
		f.reader.Go(func() {
			defer close(f.granted)
			err := f.receive() // always one, Close's at least
			select {
			case f.granted <- err:
			default:
			}
		})
	}
	err, ok := <-f.granted
	if !ok {
		err = net.ErrClosed
	}
	return wrap(FloorName, err)
}

// receive handles messages until the connection ends. The acknowledgements of
// one read leave in one write.
func (f *floor) receive() error {
	for {
		header, body, err := f.next()
		if err != nil {
			return err
		}
		switch kind := header >> 4; kind {
		case wire.Suback:
			if len(body) == 0 || body[len(body)-1] >= 0x80 {
				return fmt.Errorf("refused with % x", body)
			}
			f.granted <- nil
		case wire.Publish:
			_, payload, id, err := wire.ParsePublish(floorLevel, header, body)
			if err != nil {
				return err
			}
			(*f.onPayload.Load())(payload)
			if id != 0 {
				f.scratch = wire.AppendAck(f.scratch, wire.Puback, id)
			}
		default:
			return fmt.Errorf("packet type %d from the sink", kind)
		}
		if len(f.in.Unread()) > 0 || len(f.scratch) == 0 {
			continue
		}
		if _, err := f.conn.Write(f.scratch); err != nil {
			return err
		}
		f.scratch = f.scratch[:0]
	}
}

func (f *floor) Close() error {
	if f.conn == nil {
		return nil
	}
	err := f.conn.Close()
	f.reader.Wait()
	return wrap(FloorName, err)
}
