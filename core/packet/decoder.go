package packet

// A Decoder holds what decoding needs beside the bytes: one for each connection, its fields set before its first use.
// The zero value decodes MQTT 5. It is not safe for concurrent use.
type Decoder struct {
	// Version is the protocol version of the connection; zero means V5. A CONNECT brings its own.
	Version Version
	// Strict also refuses control characters and Unicode non-characters in strings, as section 1.5.4 allows.
	Strict bool

	topics interner
}

func (d *Decoder) v5() bool { return d.Version.v5() }

// Decode decodes a frame of any type into a new packet.
func (d *Decoder) Decode(f Frame) (Packet, error) {
	p := New(f.Type())
	if p == nil {
		return nil, wrongFlags(f.First)
	}
	if err := p.Decode(f, d); err != nil {
		return nil, err
	}
	return p, nil
}

// topic returns a topic name that is not the last one over again [MQTT-3.3.2-1] [MQTT-3.3.2-2].
func (d *Decoder) topic(b []byte) (string, error) {
	if s, ok := d.topics.get(b); ok {
		return s, nil
	}
	s := string(b)
	if e := checkTopic(PUBLISH, s, d.Strict); e != nil {
		return "", e
	}
	d.topics.put(s)
	return s, nil
}

// open starts to read any packet but PUBLISH.
func (d *Decoder) open(f Frame, t Type) reader {
	r := reader{b: f.Body, packet: t, strict: d.Strict}
	switch {
	case f.Type() != t:
		r.fail(otherType(f, t))
	case f.First&0x0F != fixedFlags[t]:
		r.fail(wrongFlags(f.First))
	}
	return r
}

// otherType is the error of a decoder that is given a frame of another packet.
func otherType(f Frame, want Type) *Error {
	return protocolError(want, "2.1.2", "the frame holds a "+f.Type().String())
}
