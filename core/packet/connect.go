package packet

// Connect is the first packet of a client on every connection [MQTT-3.1.0-1].
type Connect struct {
	Version    Version // what the packet announces; Append is told again and takes the one it is told
	CleanStart bool    // clean session in MQTT 3.1.1
	KeepAlive  uint16  // seconds, 0 turns it off
	ClientID   string  // may be empty: the server assigns one
	Will       *Will   // nil for none

	HasUsername bool // an empty user name is not the same as none
	Username    string
	HasPassword bool
	Password    []byte

	// Properties of MQTT 5.
	SessionExpiry              uint32    // seconds the session outlives the connection; 0xFFFFFFFF for ever
	ReceiveMaximum             uint16    // 0 leaves it out: 65,535
	MaximumPacketSize          uint32    // bytes; 0 leaves it out: no limit
	TopicAliasMaximum          uint16    // 0: the server may not use aliases
	RequestResponseInformation bool      // asks for Connack.ResponseInformation
	RequestProblemInformation  Opt[bool] // absent: true
	AuthMethod                 string    // empty: no enhanced authentication
	AuthData                   []byte
	UserProperties             []UserProperty
}

// Will is the message a server publishes when the connection ends without a DISCONNECT that forbids it.
type Will struct {
	Topic   string
	Payload []byte
	QoS     QoS
	Retain  bool

	// Properties of MQTT 5.
	DelayInterval   uint32 // seconds
	PayloadFormat   PayloadFormat
	MessageExpiry   Opt[uint32] // seconds
	ContentType     string
	ResponseTopic   string
	CorrelationData []byte
	UserProperties  []UserProperty
}

const (
	flagUsername   = 0x80
	flagPassword   = 0x40
	flagWillRetain = 0x20
	flagWill       = 0x04
	flagCleanStart = 0x02
	flagReserved   = 0x01
)

// Type returns CONNECT.
func (p *Connect) Type() Type { return CONNECT }

// flags leaves the will bits zero where there is no will [MQTT-3.1.2-11] [MQTT-3.1.2-13].
func (p *Connect) flags() (f byte) {
	if p.CleanStart {
		f |= flagCleanStart
	}
	if w := p.Will; w != nil {
		f |= flagWill | byte(w.QoS&3)<<3
		if w.Retain {
			f |= flagWillRetain
		}
	}
	if p.HasUsername {
		f |= flagUsername
	}
	if p.HasPassword {
		f |= flagPassword
	}
	return f
}

func (p *Connect) propertiesSize(s *sizer) int {
	start := s.n
	s.when(p.SessionExpiry != 0, 5)
	s.when(p.ReceiveMaximum != 0, 3)
	s.when(p.MaximumPacketSize != 0, 5)
	s.when(p.TopicAliasMaximum != 0, 3)
	s.when(p.RequestResponseInformation, 2)
	s.when(p.RequestProblemInformation.set, 2)
	s.optString(p.AuthMethod)
	s.optBinary(p.AuthData)
	s.user(p.UserProperties)
	return s.n - start
}

func (w *Will) propertiesSize(s *sizer) int {
	start := s.n
	s.when(w.DelayInterval != 0, 5)
	s.when(w.PayloadFormat != 0, 2)
	s.when(w.MessageExpiry.set, 5)
	s.optString(w.ContentType)
	s.optString(w.ResponseTopic)
	s.optBinary(w.CorrelationData)
	s.user(w.UserProperties)
	return s.n - start
}

func (p *Connect) size(v Version) (remaining, props, willProps int, err error) {
	s := sizer{packet: CONNECT, n: 10}
	if v.v5() {
		props = p.propertiesSize(&s)
		s.n += varintSize(props)
	}
	s.string(p.ClientID)
	if w := p.Will; w != nil {
		if v.v5() {
			willProps = w.propertiesSize(&s)
			s.n += varintSize(willProps)
		}
		s.string(w.Topic)
		s.binary(w.Payload)
	}
	if p.HasUsername {
		s.string(p.Username)
	}
	if p.HasPassword {
		s.binary(p.Password)
	}
	remaining, err = s.total()
	return remaining, props, willProps, err
}

// Append appends the packet; the order of the payload's fields is fixed [MQTT-3.1.3-1].
func (p *Connect) Append(dst []byte, v Version) ([]byte, error) {
	n, props, willProps, err := p.size(v)
	if err != nil {
		return dst, err
	}
	level := V5
	if !v.v5() {
		level = V311
	}
	dst = appendHeader(grow(dst, n), byte(CONNECT)<<4, n)
	dst = append(dst, 0, 4, 'M', 'Q', 'T', 'T', byte(level), p.flags()) // [MQTT-3.1.2-1]
	dst = appendUint16(dst, p.KeepAlive)
	if v.v5() {
		dst = p.appendProperties(appendVarint(dst, props))
	}
	dst = appendString(dst, p.ClientID)
	if w := p.Will; w != nil {
		if v.v5() {
			dst = w.appendProperties(appendVarint(dst, willProps))
		}
		dst = appendBinary(appendString(dst, w.Topic), w.Payload)
	}
	if p.HasUsername {
		dst = appendString(dst, p.Username)
	}
	if p.HasPassword {
		dst = appendBinary(dst, p.Password)
	}
	return dst, nil
}

func (p *Connect) appendProperties(dst []byte) []byte {
	dst = appendUint32Prop(dst, propSessionExpiry, p.SessionExpiry)
	dst = appendUint16Prop(dst, propReceiveMaximum, p.ReceiveMaximum)
	dst = appendUint32Prop(dst, propMaximumPacketSize, p.MaximumPacketSize)
	dst = appendUint16Prop(dst, propTopicAliasMaximum, p.TopicAliasMaximum)
	if p.RequestResponseInformation {
		dst = append(dst, byte(propRequestResponseInfo), 1)
	}
	dst = appendOptBool(dst, propRequestProblemInfo, p.RequestProblemInformation)
	dst = appendStringProp(dst, propAuthMethod, p.AuthMethod)
	dst = appendBinaryProp(dst, propAuthData, p.AuthData)
	return appendUser(dst, p.UserProperties)
}

func (w *Will) appendProperties(dst []byte) []byte {
	dst = appendUint32Prop(dst, propWillDelay, w.DelayInterval)
	if w.PayloadFormat != 0 {
		dst = append(dst, byte(propPayloadFormat), byte(w.PayloadFormat))
	}
	dst = appendOptUint32(dst, propMessageExpiry, w.MessageExpiry)
	dst = appendStringProp(dst, propContentType, w.ContentType)
	dst = appendStringProp(dst, propResponseTopic, w.ResponseTopic)
	dst = appendBinaryProp(dst, propCorrelationData, w.CorrelationData)
	return appendUser(dst, w.UserProperties)
}
