package packet

// Pubrel is the sender's answer to PUBREC at QoS 2; after it the PUBLISH is never sent again [MQTT-4.3.3-6].
type Pubrel struct{ Ack }

// Type returns PUBREL.
func (p *Pubrel) Type() Type { return PUBREL }

// Append appends the packet.
func (p *Pubrel) Append(dst []byte, v Version) ([]byte, error) { return p.append(dst, PUBREL, v) }

// Decode sets the packet from a frame.
func (p *Pubrel) Decode(f Frame, d *Decoder) error { return p.decode(f, PUBREL, d) }
