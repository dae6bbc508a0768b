package packet

// Suback answers a SUBSCRIBE with one code per filter, in its order [MQTT-3.9.3-1].
type Suback struct {
	ID    uint16
	Codes []ReasonCode // granted QoS, or a failure; in MQTT 3.1.1 the only failure is UnspecifiedError

	// Properties of MQTT 5.
	ReasonString   string
	UserProperties []UserProperty
}

// Type returns SUBACK.
func (p *Suback) Type() Type { return SUBACK }

// Append appends the packet.
func (p *Suback) Append(dst []byte, v Version) ([]byte, error) {
	return appendResults(dst, SUBACK, p.ID, p.Codes, p.ReasonString, p.UserProperties, v)
}

// Decode sets the packet from a frame.
func (p *Suback) Decode(f Frame, d *Decoder) error {
	*p = Suback{}
	r := d.open(f, SUBACK)
	p.ID = r.id()
	if d.v5() {
		p.ReasonString, p.UserProperties = r.reasonProperties(SUBACK)
	}
	p.Codes = r.codes(SUBACK, d.Version)
	return r.end()
}
