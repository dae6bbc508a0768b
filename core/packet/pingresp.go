package packet

// Pingresp answers a PINGREQ [MQTT-3.12.4-1].
type Pingresp struct{}

// Type returns PINGRESP.
func (*Pingresp) Type() Type { return PINGRESP }

// Append appends the packet.
func (*Pingresp) Append(dst []byte, _ Version) ([]byte, error) {
	return append(dst, byte(PINGRESP)<<4, 0), nil
}

// Decode checks that the frame is empty.
func (*Pingresp) Decode(f Frame, d *Decoder) error {
	r := d.open(f, PINGRESP)
	return r.end()
}
