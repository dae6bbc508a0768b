package sim

import (
	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// plant sits between an engine and its driver, and changes what goes through: so the engine makes mistakes, and has no
// switch for them.
type plant struct {
	protocol
	c *client

	out    func(v packet.Version, p packet.Packet, raw []byte) []byte // of each packet towards the broker; nil drops it
	in     func(v packet.Version, p packet.Packet, raw []byte) []byte // of each packet towards the engine
	opened func()
	closed func()
	extra  []byte // to be sent before everything else
	inject []byte // to be received by the engine

	framer  packet.Framer
	decoder packet.Decoder
	buf     []byte // for the engine, after the changes
	given   int    // bytes that the driver has to write
	real    int    // and what the engine takes them for
	ours    []byte
}

// planted wraps an engine.
func planted(c *client, e protocol) *plant {
	p := &plant{protocol: e, c: c}
	p.decoder.Version = c.plan.engine.Version
	return p
}

func (p *plant) Open(now engine.Instant, c *packet.Connect, deadline engine.Instant) error {
	p.framer.Reset()
	p.buf, p.extra, p.inject, p.given, p.real = nil, nil, nil, 0, 0
	if p.opened != nil {
		p.opened()
	}
	return p.protocol.Open(now, c, deadline)
}

func (p *plant) Closed(now engine.Instant) {
	if p.closed != nil {
		p.closed()
	}
	p.protocol.Closed(now)
}

// Receive hands over whole packets.
func (p *plant) Receive(now engine.Instant, b []byte) ([]byte, *engine.Inbound) {
	for len(b) > 0 {
		f, rest, ok, err := p.framer.Next(b)
		if err != nil || !ok {
			break
		}
		b = rest
		raw := rawOf(f)
		if p.in != nil {
			if pk, err := p.decoder.Decode(packet.Frame{First: f.First, Body: raw[len(raw)-len(f.Body):]}); err == nil {
				raw = p.in(p.decoder.Version, pk, raw)
			}
		}
		p.buf = append(p.buf, raw...)
	}
	p.buf = append(p.buf, p.inject...)
	p.inject = nil
	rest, m := p.protocol.Receive(now, p.buf)
	p.buf = rest
	return nil, m
}

// TakeOut returns the engine's bytes after the changes.
func (p *plant) TakeOut(now engine.Instant, spare []byte) []byte {
	b := p.protocol.TakeOut(now, p.ours[:0])
	p.ours = b
	p.real += len(b)
	out := append(spare[:0], p.extra...)
	if len(b) == 0 && !p.Connected() {
		out = out[:0]
	} else {
		p.extra = nil
	}
	for len(b) > 0 {
		f, n, err := packet.ScanFrame(b, 0)
		if err != nil || n == 0 {
			return append(out, b...)
		}
		raw := b[:n]
		b = b[n:]
		if p.out != nil {
			if pk, err := p.decoder.Decode(f); err == nil {
				raw = p.out(p.decoder.Version, pk, raw)
			}
		}
		out = append(out, raw...)
	}
	if p.given += len(out); p.given == 0 && p.real > 0 { // nothing is left of it: it counts as written
		n := p.real
		p.real = 0
		p.protocol.Wrote(now, n)
	}
	return out
}

// Wrote tells the engine of its own bytes, once all of ours have left.
func (p *plant) Wrote(now engine.Instant, n int) {
	if p.given -= n; p.given > 0 || n == 0 {
		return
	}
	n, p.real = p.real, 0
	p.protocol.Wrote(now, n)
}

// rawOf writes a frame again.
func rawOf(f packet.Frame) []byte {
	b := []byte{f.First}
	for n := len(f.Body); ; {
		if n >= 0x80 {
			b = append(b, byte(n)|0x80)
		} else {
			b = append(b, byte(n))
			break
		}
		n >>= 7
	}
	return append(b, f.Body...)
}

// encode writes a packet.
func encode(v packet.Version, p packet.Packet) []byte {
	b, err := p.Append(nil, v)
	if err != nil {
		panic(err)
	}
	return b
}
