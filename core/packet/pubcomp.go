package packet

// Pubcomp ends the delivery of a message at QoS 2 and frees its packet identifier [MQTT-4.3.3-12].
type Pubcomp struct{ Ack }

// Type returns PUBCOMP.
func (p *Pubcomp) Type() Type { return PUBCOMP }

// Append appends the packet.
func (p *Pubcomp) Append(dst []byte, v Version) ([]byte, error) { return p.append(dst, PUBCOMP, v) }

// Decode sets the packet from a frame.
func (p *Pubcomp) Decode(f Frame, d *Decoder) error { return p.decode(f, PUBCOMP, d) }
