package packet

// results is what SUBACK and UNSUBACK have in common: a code for each filter, in the order of the request.
func appendResults(dst []byte, t Type, id uint16, codes []ReasonCode, reason string, user []UserProperty, v Version) ([]byte, error) {
	s := sizer{packet: t, n: 2}
	var props int
	if v.v5() {
		s.optString(reason)
		s.user(user)
		props = s.n - 2
		s.n += varintSize(props)
	}
	s.n += len(codes)
	n, err := s.total()
	if err != nil {
		return dst, err
	}
	dst = appendHeader(grow(dst, n), byte(t)<<4, n)
	dst = appendUint16(dst, id)
	if v.v5() {
		dst = appendVarint(dst, props)
		dst = appendStringProp(dst, propReasonString, reason)
		dst = appendUser(dst, user)
	}
	for _, c := range codes {
		if !v.v5() && c.Failed() {
			c = UnspecifiedError // the one failure of MQTT 3.1.1
		}
		dst = append(dst, byte(c))
	}
	return dst, nil
}

// codes reads the rest of the frame as reason codes; there is at least one, as there is a filter.
func (r *reader) codes(t Type, v Version) []ReasonCode {
	if r.err == nil && len(r.b) == 0 {
		clause := "MQTT-3.8.4-6"
		if t == UNSUBACK {
			clause = "MQTT-3.11.3-1"
		}
		r.fail(protocolError(t, clause, "no reason code"))
	}
	if r.err != nil {
		return nil
	}
	codes := make([]ReasonCode, len(r.b))
	for i, b := range r.b {
		c := ReasonCode(b)
		if !c.ValidIn(t) || !v.v5() && c > GrantedQoS2 && c != UnspecifiedError {
			r.fail(wrongReason(t, c))
			return nil
		}
		codes[i] = c
	}
	r.b = nil
	return codes
}

// reasonClauses are the statements that list the reason codes of each packet.
var reasonClauses = [16]string{
	CONNACK:    "MQTT-3.2.2-8",
	PUBACK:     "MQTT-3.4.2-1",
	PUBREC:     "MQTT-3.5.2-1",
	PUBREL:     "MQTT-3.6.2-1",
	PUBCOMP:    "MQTT-3.7.2-1",
	SUBACK:     "MQTT-3.9.3-2",
	UNSUBACK:   "MQTT-3.11.3-2",
	DISCONNECT: "MQTT-3.14.2-1",
	AUTH:       "MQTT-3.15.2-1",
}

// reason reads a reason code of MQTT 5 that a packet of type t may carry.
func (r *reader) reason(t Type) ReasonCode {
	c := ReasonCode(r.uint8())
	if r.err == nil && !c.ValidIn(t) {
		r.fail(wrongReason(t, c))
	}
	return c
}

func wrongReason(t Type, c ReasonCode) *Error {
	return protocolError(t, reasonClauses[t], c.String()+" does not belong in this packet")
}
