package packet

import "fmt"

// Connack answers a CONNECT.
type Connack struct {
	SessionPresent bool
	Code           ReasonCode

	// Properties of MQTT 5.
	SessionExpiry           Opt[uint32] // seconds; absent: as the client asked
	ReceiveMaximum          uint16      // 0, absent: 65,535
	MaximumQoS              Opt[QoS]    // absent: 2
	RetainAvailable         Opt[bool]   // absent: true
	MaximumPacketSize       uint32      // bytes; 0, absent: no limit
	AssignedClientID        string
	TopicAliasMaximum       uint16 // 0: no aliases towards the server
	ReasonString            string
	WildcardAvailable       Opt[bool]   // absent: true
	SubscriptionIDAvailable Opt[bool]   // absent: true
	SharedAvailable         Opt[bool]   // absent: true
	ServerKeepAlive         Opt[uint16] // seconds, replaces the client's
	ResponseInformation     string
	ServerReference         string
	AuthMethod              string
	AuthData                []byte
	UserProperties          []UserProperty
}

// Type returns CONNACK.
func (p *Connack) Type() Type { return CONNACK }

// returnCodes are the return codes 0 to 5 of MQTT 3.1.1, as reason codes.
var returnCodes = [...]ReasonCode{
	Success, UnsupportedProtocolVersion, ClientIdentifierNotValid, ServerUnavailable, BadUserNameOrPassword, NotAuthorized,
}

// returnCode maps a reason code to MQTT 3.1.1; those without a counterpart become "server unavailable".
func returnCode(c ReasonCode) byte {
	for i, r := range returnCodes {
		if r == c {
			return byte(i)
		}
	}
	if c == Banned || c == BadAuthenticationMethod {
		return 5
	}
	return 3
}

// limitsQoS reports whether the maximum QoS is written: 2 cannot be said, and is what absent means (section 3.2.2.3.4).
func (p *Connack) limitsQoS() bool { return p.MaximumQoS.set && p.MaximumQoS.value < QoS2 }

func (p *Connack) propertiesSize(s *sizer) int {
	start := s.n
	s.when(p.SessionExpiry.set, 5)
	s.when(p.ReceiveMaximum != 0, 3)
	s.when(p.limitsQoS(), 2)
	s.when(p.RetainAvailable.set, 2)
	s.when(p.MaximumPacketSize != 0, 5)
	s.optString(p.AssignedClientID)
	s.when(p.TopicAliasMaximum != 0, 3)
	s.optString(p.ReasonString)
	s.when(p.WildcardAvailable.set, 2)
	s.when(p.SubscriptionIDAvailable.set, 2)
	s.when(p.SharedAvailable.set, 2)
	s.when(p.ServerKeepAlive.set, 3)
	s.optString(p.ResponseInformation)
	s.optString(p.ServerReference)
	s.optString(p.AuthMethod)
	s.optBinary(p.AuthData)
	s.user(p.UserProperties)
	return s.n - start
}

// Append appends the packet.
func (p *Connack) Append(dst []byte, v Version) ([]byte, error) {
	first := byte(CONNACK) << 4
	if !v.v5() {
		return append(dst, first, 2, b2i(p.SessionPresent), returnCode(p.Code)), nil
	}
	s := sizer{packet: CONNACK, n: 2}
	props := p.propertiesSize(&s)
	s.n += varintSize(props)
	n, err := s.total()
	if err != nil {
		return dst, err
	}
	dst = appendHeader(grow(dst, n), first, n)
	dst = append(dst, b2i(p.SessionPresent), byte(p.Code))
	return p.appendProperties(appendVarint(dst, props)), nil
}

func (p *Connack) appendProperties(dst []byte) []byte {
	dst = appendOptUint32(dst, propSessionExpiry, p.SessionExpiry)
	dst = appendUint16Prop(dst, propReceiveMaximum, p.ReceiveMaximum)
	if p.limitsQoS() {
		dst = append(dst, byte(propMaximumQoS), byte(p.MaximumQoS.value))
	}
	dst = appendOptBool(dst, propRetainAvailable, p.RetainAvailable)
	dst = appendUint32Prop(dst, propMaximumPacketSize, p.MaximumPacketSize)
	dst = appendStringProp(dst, propAssignedClientID, p.AssignedClientID)
	dst = appendUint16Prop(dst, propTopicAliasMaximum, p.TopicAliasMaximum)
	dst = appendStringProp(dst, propReasonString, p.ReasonString)
	dst = appendOptBool(dst, propWildcardAvailable, p.WildcardAvailable)
	dst = appendOptBool(dst, propSubscriptionIDAvail, p.SubscriptionIDAvailable)
	dst = appendOptBool(dst, propSharedAvailable, p.SharedAvailable)
	if k, ok := p.ServerKeepAlive.Get(); ok {
		dst = appendUint16(append(dst, byte(propServerKeepAlive)), k)
	}
	dst = appendStringProp(dst, propResponseInformation, p.ResponseInformation)
	dst = appendStringProp(dst, propServerReference, p.ServerReference)
	dst = appendStringProp(dst, propAuthMethod, p.AuthMethod)
	dst = appendBinaryProp(dst, propAuthData, p.AuthData)
	return appendUser(dst, p.UserProperties)
}

// Decode sets the packet from a frame.
func (p *Connack) Decode(f Frame, d *Decoder) error {
	*p = Connack{}
	r := d.open(f, CONNACK)
	flags := r.uint8()
	if flags > 1 {
		r.fail(malformed(CONNACK, "MQTT-3.2.2-1", "reserved acknowledge flags are set"))
	}
	p.SessionPresent = flags == 1
	if d.v5() {
		p.Code = r.reason(CONNACK)
		p.decodeProperties(&r)
	} else if code := r.uint8(); int(code) < len(returnCodes) {
		p.Code = returnCodes[code]
	} else {
		r.fail(protocolError(CONNACK, reasonClauses[CONNACK], fmt.Sprintf("return code %d is reserved", code)))
	}
	if r.err == nil && p.SessionPresent && p.Code != Success {
		r.fail(protocolError(CONNACK, "MQTT-3.2.2-6", "session present on a refusal"))
	}
	return r.end()
}

func (p *Connack) decodeProperties(r *reader) {
	props := r.properties(CONNACK)
	for id := props.next(); id != 0; id = props.next() {
		switch id {
		case propSessionExpiry:
			p.SessionExpiry = Some(props.uint32())
		case propReceiveMaximum:
			p.ReceiveMaximum = props.nonZero16()
		case propMaximumQoS:
			p.MaximumQoS = Some(QoS(b2i(props.bool()))) // [MQTT-3.2.2-9]
		case propRetainAvailable:
			p.RetainAvailable = Some(props.bool())
		case propMaximumPacketSize:
			p.MaximumPacketSize = props.nonZero32()
		case propAssignedClientID:
			p.AssignedClientID = props.text()
		case propTopicAliasMaximum:
			p.TopicAliasMaximum = props.uint16()
		case propReasonString:
			p.ReasonString = props.text()
		case propWildcardAvailable:
			p.WildcardAvailable = Some(props.bool())
		case propSubscriptionIDAvail:
			p.SubscriptionIDAvailable = Some(props.bool())
		case propSharedAvailable:
			p.SharedAvailable = Some(props.bool())
		case propServerKeepAlive:
			p.ServerKeepAlive = Some(props.uint16())
		case propResponseInformation:
			p.ResponseInformation = props.text()
		case propServerReference:
			p.ServerReference = props.text()
		case propAuthMethod:
			p.AuthMethod = props.text()
		case propAuthData:
			p.AuthData = props.binary()
		case propUserProperty:
			p.UserProperties = props.user(p.UserProperties)
		}
	}
	props.close(r)
}
