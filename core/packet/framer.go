package packet

// A Framer cuts a byte stream into frames. It keeps at most one unfinished packet, in memory that grows with the
// bytes that have arrived, never with the length a peer announces.
type Framer struct {
	// Limit is the largest packet accepted, in bytes, fixed header included; 0 means the protocol's own limit.
	Limit uint32

	partial []byte
	done    bool // partial was handed out whole by the last call
}

// keepPartial is how much memory a framer holds on to between large packets.
const keepPartial = 16 << 10

// Next takes one frame from the stream, of which p is the part that has not been consumed. It returns the rest of
// p; ok is false when all of p is consumed and more bytes are needed. The frame is valid until the next call and
// as long as p is. After an error, which is an [*Error], the stream is lost and every further call fails, until Reset.
//
// A large packet's memory is given back by the call after it: Next(nil) does just that.
func (s *Framer) Next(p []byte) (f Frame, rest []byte, ok bool, err error) {
	if s.done {
		s.done = false
		if s.partial = s.partial[:0]; cap(s.partial) > keepPartial {
			s.partial = nil
		}
	}
	if len(s.partial) == 0 {
		f, n, err := ScanFrame(p, s.Limit)
		if n > 0 {
			return f, p[n:], true, nil
		}
		if err != nil {
			s.partial = append(s.partial, p[:min(5, len(p))]...) // the header, to fail again
			return Frame{}, p, false, err
		}
		s.partial = append(s.partial, p...)
		return Frame{}, nil, false, nil
	}
	return s.resume(p)
}

// resume adds just as many bytes as the unfinished packet lacks; the header first and byte by byte, because the limit
// applies as soon as it is whole, however the stream is cut.
func (s *Framer) resume(p []byte) (f Frame, rest []byte, ok bool, err error) {
	for {
		f, n, err := ScanFrame(s.partial, s.Limit)
		if err != nil {
			return Frame{}, p, false, err
		}
		if n > 0 {
			s.done = true
			return f, p, true, nil
		}
		if len(p) == 0 {
			return Frame{}, nil, false, nil
		}
		lacks := 1
		if header, remaining, _ := scanLength(s.partial); header > 0 {
			lacks = header + remaining - len(s.partial)
		}
		lacks = min(lacks, len(p))
		s.partial = append(s.partial, p[:lacks]...)
		p = p[lacks:]
	}
}

// Reset forgets an unfinished packet: a new connection starts at a packet boundary.
func (s *Framer) Reset() { s.partial, s.done = nil, false }

// Buffered returns how many bytes of an unfinished packet are held.
func (s *Framer) Buffered() int {
	if s.done {
		return 0
	}
	return len(s.partial)
}
