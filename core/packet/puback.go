package packet

// Puback ends the delivery of a message at QoS 1 [MQTT-4.3.2-3].
type Puback struct{ Ack }

// Type returns PUBACK.
func (p *Puback) Type() Type { return PUBACK }

// Append appends the packet.
func (p *Puback) Append(dst []byte, v Version) ([]byte, error) { return p.append(dst, PUBACK, v) }

// Decode sets the packet from a frame.
func (p *Puback) Decode(f Frame, d *Decoder) error { return p.decode(f, PUBACK, d) }
