package packet

// Unsuback answers an UNSUBSCRIBE with one code per filter, in its order [MQTT-3.11.3-1].
type Unsuback struct {
	ID    uint16
	Codes []ReasonCode // none in MQTT 3.1.1, where every UNSUBACK is a success

	// Properties of MQTT 5.
	ReasonString   string
	UserProperties []UserProperty
}

// Type returns UNSUBACK.
func (p *Unsuback) Type() Type { return UNSUBACK }

// Append appends the packet.
func (p *Unsuback) Append(dst []byte, v Version) ([]byte, error) {
	codes := p.Codes
	if !v.v5() {
		codes = nil
	}
	return appendResults(dst, UNSUBACK, p.ID, codes, p.ReasonString, p.UserProperties, v)
}

// Decode sets the packet from a frame.
func (p *Unsuback) Decode(f Frame, d *Decoder) error {
	*p = Unsuback{}
	r := d.open(f, UNSUBACK)
	p.ID = r.id()
	if d.v5() {
		p.ReasonString, p.UserProperties = r.reasonProperties(UNSUBACK)
		p.Codes = r.codes(UNSUBACK, V5)
	}
	return r.end()
}
