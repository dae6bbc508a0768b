package wire

import "io"

const (
	smallBuffer = 4 << 10
	// MaxPacket bounds the packets that a Buffer can hold.
	MaxPacket = 256 << 10
)

// Buffer collects what is read from a connection. It is small until a read
// fills it and then as large as the largest packet, so that thousands of idle
// connections cost little and a busy one needs few system calls.
type Buffer struct {
	data       []byte
	start, end int // data[start:end] is unread
	grow       bool
}

// Unread is what was read and not skipped.
func (b *Buffer) Unread() []byte { return b.data[b.start:b.end] }

// Skip drops the first n unread bytes.
func (b *Buffer) Skip(n int) { b.start += n }

// Fill reads once. What Unread returned before is overwritten.
func (b *Buffer) Fill(r io.Reader) error {
	switch {
	case b.data == nil:
		b.data = make([]byte, smallBuffer)
	case b.grow && len(b.data) < MaxPacket:
		data := make([]byte, MaxPacket)
		b.end, b.start = copy(data, b.Unread()), 0
		b.data = data
	case b.start > 0:
		b.end, b.start = copy(b.data, b.Unread()), 0
	}
	n, err := r.Read(b.data[b.end:])
	b.end += n
	b.grow = b.end == len(b.data)
	return err
}
