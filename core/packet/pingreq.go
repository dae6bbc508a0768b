package packet

// Pingreq shows the server that the client is there, and asks whether the server is.
type Pingreq struct{}

// Type returns PINGREQ.
func (*Pingreq) Type() Type { return PINGREQ }

// Append appends the packet.
func (*Pingreq) Append(dst []byte, _ Version) ([]byte, error) {
	return append(dst, byte(PINGREQ)<<4, 0), nil
}

// Decode checks that the frame is empty.
func (*Pingreq) Decode(f Frame, d *Decoder) error {
	r := d.open(f, PINGREQ)
	return r.end()
}
