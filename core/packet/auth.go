package packet

// Auth is one step of an enhanced authentication, at connect or later. MQTT 5 only.
type Auth struct {
	Code   ReasonCode // Success, ContinueAuthentication or ReAuthenticate [MQTT-3.15.2-1]
	Method string     // as in the CONNECT [MQTT-4.12.0-5]
	Data   []byte

	ReasonString   string
	UserProperties []UserProperty
}

// Type returns AUTH.
func (p *Auth) Type() Type { return AUTH }

func (p *Auth) size() (remaining, props int, err error) {
	s := sizer{packet: AUTH, n: 1}
	s.optString(p.Method)
	s.optBinary(p.Data)
	s.optString(p.ReasonString)
	s.user(p.UserProperties)
	props = s.n - 1
	s.n += varintSize(props)
	remaining, err = s.total()
	return remaining, props, err
}

// Append writes the shortest form that says the same. In MQTT 3.1.1 there is no such packet.
func (p *Auth) Append(dst []byte, v Version) ([]byte, error) {
	if !v.v5() {
		return dst, protocolError(AUTH, "3.15", "MQTT 3.1.1 has no such packet")
	}
	n, props, err := p.size()
	if err != nil {
		return dst, err
	}
	const first = byte(AUTH) << 4
	if props == 0 && p.Code == Success {
		return append(dst, first, 0), nil
	}
	dst = append(appendHeader(grow(dst, n), first, n), byte(p.Code))
	dst = appendVarint(dst, props)
	dst = appendStringProp(dst, propAuthMethod, p.Method)
	dst = appendBinaryProp(dst, propAuthData, p.Data)
	dst = appendStringProp(dst, propReasonString, p.ReasonString)
	return appendUser(dst, p.UserProperties), nil
}

// Decode sets the packet from a frame. Data aliases it.
func (p *Auth) Decode(f Frame, d *Decoder) error {
	*p = Auth{}
	r := d.open(f, AUTH)
	if !d.v5() {
		r.fail(protocolError(AUTH, "3.15", "MQTT 3.1.1 has no such packet"))
	}
	if r.err != nil || len(r.b) == 0 {
		return r.end()
	}
	p.Code = r.reason(AUTH)
	props := r.properties(AUTH)
	for id := props.next(); id != 0; id = props.next() {
		switch id {
		case propAuthMethod:
			p.Method = props.text()
		case propAuthData:
			p.Data = props.binary()
		case propReasonString:
			p.ReasonString = props.text()
		case propUserProperty:
			p.UserProperties = props.user(p.UserProperties)
		}
	}
	if props.err == nil && p.Method == "" && r.err == nil {
		props.fail(protocolError(AUTH, "3.15.2.2.2", "no authentication method"))
	}
	props.close(&r)
	return r.end()
}
