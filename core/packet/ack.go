package packet

import "encoding/binary"

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
	if len(f.Body) == 2 && f.First == byte(t)<<4|fixedFlags[t] { // nearly always
		if p.ID = binary.BigEndian.Uint16(f.Body); p.ID == 0 {
			return zeroID(t)
		}
		return nil
	}
	r := d.open(f, t)
	p.ID = r.id()
	if !d.v5() || r.err != nil || len(r.b) == 0 {
		return r.end()
	}
	p.Code = r.reason(t)
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
