package packet

// Ack is what the four acknowledgements of a PUBLISH have in common.
type Ack struct {
	ID   uint16
	Code ReasonCode // always Success in MQTT 3.1.1

	// Properties of MQTT 5.
	ReasonString   string
	UserProperties []UserProperty
}

// append writes the shortest form: two bytes of body where the code is Success and there are no properties.
func (p *Ack) append(dst []byte, t Type, v Version) ([]byte, error) {
	first := byte(t)<<4 | fixedFlags[t]
	if !v.v5() || p.Code == Success && p.ReasonString == "" && len(p.UserProperties) == 0 {
		return append(dst, first, 2, byte(p.ID>>8), byte(p.ID)), nil
	}
	if p.ReasonString == "" && len(p.UserProperties) == 0 {
		return append(dst, first, 3, byte(p.ID>>8), byte(p.ID), byte(p.Code)), nil
	}
	s := sizer{packet: t, n: 3}
	s.optString(p.ReasonString)
	s.user(p.UserProperties)
	props := s.n - 3
	s.n += varintSize(props)
	n, err := s.total()
	if err != nil {
		return dst, err
	}
	dst = appendHeader(grow(dst, n), first, n)
	dst = append(dst, byte(p.ID>>8), byte(p.ID), byte(p.Code))
	dst = appendVarint(dst, props)
	dst = appendStringProp(dst, propReasonString, p.ReasonString)
	return appendUser(dst, p.UserProperties), nil
}

func (p *Ack) decode(f Frame, t Type, d *Decoder) error {
	*p = Ack{}
	r := d.open(f, t)
	p.ID = r.id()
	if !d.v5() || r.err != nil || len(r.b) == 0 {
		return r.end()
	}
	p.Code = ReasonCode(r.uint8())
	if !p.Code.ValidIn(t) {
		r.fail(protocolError(t, reasonClause(t), p.Code.String()+" does not belong in this packet"))
	}
	if len(r.b) > 0 {
		p.ReasonString, p.UserProperties = r.reasonProperties(t)
	}
	return r.end()
}

// reasonProperties reads a property section that has only a reason string and user properties.
func (r *reader) reasonProperties(t Type) (reason string, user []UserProperty) {
	props := r.properties(t)
	for id := props.next(); id != 0; id = props.next() {
		switch id {
		case propReasonString:
			reason = props.text()
		case propUserProperty:
			user = props.user(user)
		}
	}
	props.close(r)
	return reason, user
}

// reasonClause names the statement that lists the reason codes of a packet.
func reasonClause(t Type) string {
	switch t {
	case PUBACK:
		return "MQTT-3.4.2-1"
	case PUBREC:
		return "MQTT-3.5.2-1"
	case PUBREL:
		return "MQTT-3.6.2-1"
	case PUBCOMP:
		return "MQTT-3.7.2-1"
	case SUBACK:
		return "MQTT-3.9.3-2"
	case UNSUBACK:
		return "MQTT-3.11.3-2"
	case DISCONNECT:
		return "MQTT-3.14.2-1"
	}
	return "MQTT-3.15.2-1"
}
