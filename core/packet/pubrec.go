package packet

// Pubrec is the first answer at QoS 2: the receiver owns the message. With a failing code it ends the delivery.
type Pubrec struct{ Ack }

// Type returns PUBREC.
func (p *Pubrec) Type() Type { return PUBREC }

// Append appends the packet.
func (p *Pubrec) Append(dst []byte, v Version) ([]byte, error) { return p.append(dst, PUBREC, v) }

// Decode sets the packet from a frame.
func (p *Pubrec) Decode(f Frame, d *Decoder) error { return p.decode(f, PUBREC, d) }
