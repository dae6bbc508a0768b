package packet

// Unsubscribe ends subscriptions.
type Unsubscribe struct {
	ID      uint16
	Filters []string // at least one [MQTT-3.10.3-2]

	// Properties of MQTT 5.
	UserProperties []UserProperty
}

// Type returns UNSUBSCRIBE.
func (p *Unsubscribe) Type() Type { return UNSUBSCRIBE }

func (p *Unsubscribe) size(v Version) (remaining, props int, err error) {
	s := sizer{packet: UNSUBSCRIBE, n: 2}
	if v.v5() {
		s.user(p.UserProperties)
		props = s.n - 2
		s.n += varintSize(props)
	}
	for _, f := range p.Filters {
		s.string(f)
	}
	remaining, err = s.total()
	return remaining, props, err
}

// Append appends the packet.
func (p *Unsubscribe) Append(dst []byte, v Version) ([]byte, error) {
	n, props, err := p.size(v)
	if err != nil {
		return dst, err
	}
	dst = appendHeader(grow(dst, n), byte(UNSUBSCRIBE)<<4|fixedFlags[UNSUBSCRIBE], n)
	dst = appendUint16(dst, p.ID)
	if v.v5() {
		dst = appendUser(appendVarint(dst, props), p.UserProperties)
	}
	for _, f := range p.Filters {
		dst = appendString(dst, f)
	}
	return dst, nil
}

// Decode sets the packet from a frame.
func (p *Unsubscribe) Decode(f Frame, d *Decoder) error {
	*p = Unsubscribe{}
	r := d.open(f, UNSUBSCRIBE)
	p.ID = r.id()
	if d.v5() {
		props := r.properties(UNSUBSCRIBE)
		for id := props.next(); id != 0; id = props.next() {
			p.UserProperties = props.user(p.UserProperties) // the only one allowed here
		}
		props.close(&r)
	}
	if r.err == nil && len(r.b) == 0 {
		r.fail(protocolError(UNSUBSCRIBE, "MQTT-3.10.3-2", "no topic filter"))
	}
	p.Filters = make([]string, 0, countFields(r.b, 0))
	for r.err == nil && len(r.b) > 0 {
		p.Filters = append(p.Filters, r.filter(UNSUBSCRIBE))
	}
	return r.end()
}
