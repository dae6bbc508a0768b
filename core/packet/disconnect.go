package packet

// Disconnect is the last packet of a connection [MQTT-3.14.4-1]. In MQTT 3.1.1 only a client sends it, without a code.
type Disconnect struct {
	Code ReasonCode

	// Properties of MQTT 5.
	SessionExpiry   Opt[uint32] // seconds; only from a client [MQTT-3.14.2-2]
	ReasonString    string
	ServerReference string // where to connect instead
	UserProperties  []UserProperty
}

// Type returns DISCONNECT.
func (p *Disconnect) Type() Type { return DISCONNECT }

func (p *Disconnect) size() (remaining, props int, err error) {
	s := sizer{packet: DISCONNECT, n: 1}
	s.when(p.SessionExpiry.set, 5)
	s.optString(p.ReasonString)
	s.optString(p.ServerReference)
	s.user(p.UserProperties)
	props = s.n - 1
	s.n += varintSize(props)
	remaining, err = s.total()
	return remaining, props, err
}

// Append writes the shortest form that says the same.
func (p *Disconnect) Append(dst []byte, v Version) ([]byte, error) {
	const first = byte(DISCONNECT) << 4
	if !v.v5() {
		return append(dst, first, 0), nil
	}
	n, props, err := p.size()
	switch {
	case err != nil:
		return dst, err
	case props == 0 && p.Code == NormalDisconnection:
		return append(dst, first, 0), nil
	case props == 0:
		return append(dst, first, 1, byte(p.Code)), nil
	}
	dst = append(appendHeader(grow(dst, n), first, n), byte(p.Code))
	dst = appendVarint(dst, props)
	dst = appendOptUint32(dst, propSessionExpiry, p.SessionExpiry)
	dst = appendStringProp(dst, propReasonString, p.ReasonString)
	dst = appendStringProp(dst, propServerReference, p.ServerReference)
	return appendUser(dst, p.UserProperties), nil
}

// Decode sets the packet from a frame.
func (p *Disconnect) Decode(f Frame, d *Decoder) error {
	*p = Disconnect{}
	r := d.open(f, DISCONNECT)
	if !d.v5() || r.err != nil || len(r.b) == 0 {
		return r.end()
	}
	p.Code = r.reason(DISCONNECT)
	if r.err != nil || len(r.b) == 0 {
		return r.end()
	}
	props := r.properties(DISCONNECT)
	for id := props.next(); id != 0; id = props.next() {
		switch id {
		case propSessionExpiry:
			p.SessionExpiry = Some(props.uint32())
		case propReasonString:
			p.ReasonString = props.text()
		case propServerReference:
			p.ServerReference = props.text()
		case propUserProperty:
			p.UserProperties = props.user(p.UserProperties)
		}
	}
	props.close(&r)
	return r.end()
}
