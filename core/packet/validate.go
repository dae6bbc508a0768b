package packet

import "unicode/utf8"

// The Validate methods judge what a client is about to send by all rules that need no knowledge of the server:
// topic syntax, text, lengths, values out of range, fields that exclude each other. They return an [*Error] that
// names the clause, nil where the packet is right, and allocate nothing then.
//
// Packet identifiers are not judged, because they are given out after validation. Under MQTT 3.1.1 the properties of
// MQTT 5 are not judged either, because they are not sent. With strict, text may also hold no control character and
// no Unicode non-character.

// Validate reports the first rule that the PUBLISH of a client breaks.
func (p *Publish) Validate(v Version, strict bool) error {
	if e := p.validate(v, strict); e != nil {
		return e
	}
	_, _, err := p.size(v)
	return err
}

func (p *Publish) validate(v Version, strict bool) *Error {
	switch {
	case p.QoS > QoS2:
		return malformed(PUBLISH, "MQTT-3.3.1-4", "the QoS is above 2")
	case p.Dup && p.QoS == QoS0:
		return malformed(PUBLISH, "MQTT-3.3.1-2", "DUP at QoS 0")
	}
	if p.Topic != "" || p.TopicAlias == 0 || !v.v5() {
		if e := checkTopic(PUBLISH, p.Topic, strict); e != nil {
			return e
		}
	}
	if !v.v5() || p.plain() {
		return nil
	}
	if len(p.SubscriptionIDs) > 0 {
		return protocolError(PUBLISH, "MQTT-3.3.4-6", "a client's message has a subscription identifier")
	}
	return checkMessage(PUBLISH, message{
		payload: p.Payload, format: p.PayloadFormat, contentType: p.ContentType, responseTopic: p.ResponseTopic,
		correlationData: p.CorrelationData, user: p.UserProperties,
	}, strict)
}

// message is what the properties of a PUBLISH and of a will have in common.
type message struct {
	payload         []byte
	format          PayloadFormat
	contentType     string
	responseTopic   string
	correlationData []byte
	user            []UserProperty
}

func checkMessage(t Type, m message, strict bool) *Error {
	if m.format > FormatUTF8 || m.format == FormatUTF8 && !utf8.Valid(m.payload) {
		return wrongFormat(t, m.format)
	}
	if e := checkText(t, "content type", m.contentType, strict); e != nil {
		return e
	}
	if m.responseTopic != "" {
		if e := checkText(t, "response topic", m.responseTopic, strict); e != nil {
			return e
		}
		if HasWildcard(m.responseTopic) {
			return protocolError(t, "MQTT-3.3.2-14", "response topic has a wildcard")
		}
	}
	if e := checkBinary(t, "correlation data", m.correlationData); e != nil {
		return e
	}
	return checkUser(t, m.user, strict)
}

// wrongFormat is the error for a payload format that does not exist, or not as the payload is. A payload marked UTF-8
// only has to be well-formed: it is no string field, so that U+0000 is right in it.
func wrongFormat(t Type, f PayloadFormat) *Error {
	in := t
	if t == CONNECT {
		in = will
	}
	clause := propertySection(in, propPayloadFormat)
	if f > FormatUTF8 {
		return protocolError(t, clause, "payload format indicator is neither 0 nor 1")
	}
	return &Error{Packet: t, Code: PayloadFormatInvalid, Clause: clause, Detail: "the payload is marked UTF-8 and is not"}
}

// Validate reports the first rule that the SUBSCRIBE breaks.
func (p *Subscribe) Validate(v Version, strict bool) error {
	if e := p.validate(v, strict); e != nil {
		return e
	}
	_, _, err := p.size(v)
	return err
}

func (p *Subscribe) validate(v Version, strict bool) *Error {
	if len(p.Filters) == 0 {
		return protocolError(SUBSCRIBE, "MQTT-3.8.3-2", "no topic filter")
	}
	for i := range p.Filters {
		f := &p.Filters[i]
		if e := checkFilter(SUBSCRIBE, f.Filter, strict); e != nil {
			return e
		}
		if !v.v5() {
			if f.QoS > QoS2 {
				return malformed(SUBSCRIBE, "v3:MQTT-3.8.3-4", "the requested QoS is above 2")
			}
			continue
		}
		if f.QoS > QoS2 {
			return protocolError(SUBSCRIBE, "3.8.3.1", "the requested QoS is above 2")
		}
		if f.RetainHandling > RetainDoNotSend {
			return protocolError(SUBSCRIBE, "3.8.3.1", "the retain handling of a filter is above 2")
		}
		if f.NoLocal && IsShared(f.Filter) {
			return protocolError(SUBSCRIBE, "MQTT-3.8.3-4", "no local on a shared subscription")
		}
	}
	if !v.v5() {
		return nil
	}
	return checkUser(SUBSCRIBE, p.UserProperties, strict)
}

// Validate reports the first rule that the UNSUBSCRIBE breaks.
func (p *Unsubscribe) Validate(v Version, strict bool) error {
	if e := p.validate(v, strict); e != nil {
		return e
	}
	_, _, err := p.size(v)
	return err
}

func (p *Unsubscribe) validate(v Version, strict bool) *Error {
	if len(p.Filters) == 0 {
		return protocolError(UNSUBSCRIBE, "MQTT-3.10.3-2", "no topic filter")
	}
	for _, f := range p.Filters {
		if e := checkFilter(UNSUBSCRIBE, f, strict); e != nil {
			return e
		}
	}
	if !v.v5() {
		return nil
	}
	return checkUser(UNSUBSCRIBE, p.UserProperties, strict)
}

// Validate reports the first rule that the DISCONNECT of a client breaks. In MQTT 3.1.1 only a normal disconnection
// can be said: another code is refused, because what would be sent makes the server forget the will.
func (p *Disconnect) Validate(v Version, strict bool) error {
	if e := p.validate(v, strict); e != nil {
		return e
	}
	_, _, err := p.size()
	return err
}

func (p *Disconnect) validate(v Version, strict bool) *Error {
	if !v.v5() {
		if p.Code != NormalDisconnection {
			return protocolError(DISCONNECT, "v3:MQTT-3.14.4-3", "MQTT 3.1.1 has no "+p.Code.String()+" here: close without a DISCONNECT")
		}
		return nil
	}
	switch {
	case !p.Code.ClientMaySend(DISCONNECT):
		return protocolError(DISCONNECT, "MQTT-3.14.2-1", "a client does not send "+p.Code.String())
	case p.ServerReference != "":
		return protocolError(DISCONNECT, "3.14.2.2.5", "a client does not send a server reference")
	}
	if e := checkText(DISCONNECT, "reason string", p.ReasonString, strict); e != nil {
		return e
	}
	return checkUser(DISCONNECT, p.UserProperties, strict)
}

// Validate reports the first rule that the AUTH of a client breaks.
func (p *Auth) Validate(v Version, strict bool) error {
	if e := p.validate(v, strict); e != nil {
		return e
	}
	_, _, err := p.size()
	return err
}

func (p *Auth) validate(v Version, strict bool) *Error {
	switch {
	case !v.v5():
		return protocolError(AUTH, "3.15", "MQTT 3.1.1 has no such packet")
	case !p.Code.ClientMaySend(AUTH):
		return protocolError(AUTH, "MQTT-3.15.2-1", "a client does not send "+p.Code.String())
	case p.Method == "":
		return protocolError(AUTH, "3.15.2.2.2", "no authentication method")
	}
	if e := checkText(AUTH, "authentication method", p.Method, strict); e != nil {
		return e
	}
	if e := checkBinary(AUTH, "authentication data", p.Data); e != nil {
		return e
	}
	if e := checkText(AUTH, "reason string", p.ReasonString, strict); e != nil {
		return e
	}
	return checkUser(AUTH, p.UserProperties, strict)
}

// checkText applies the rules for a UTF-8 encoded string.
func checkText(t Type, field, s string, strict bool) *Error {
	if s == "" {
		return nil
	}
	if len(s) > maxField {
		return malformed(t, "1.5.4", field+": longer than 65,535 bytes")
	}
	if clause, detail := checkString(s, strict); clause != "" {
		return malformed(t, clause, field+": "+detail)
	}
	return nil
}

func checkBinary(t Type, field string, b []byte) *Error {
	if len(b) > maxField {
		return malformed(t, "1.5.6", field+": longer than 65,535 bytes")
	}
	return nil
}

// checkUser applies the rules for strings to both halves of every pair [MQTT-1.5.7-1].
func checkUser(t Type, list []UserProperty, strict bool) *Error {
	for i := range list {
		if e := checkText(t, "user property name", list[i].Key, strict); e != nil {
			return e
		}
		if e := checkText(t, "user property value", list[i].Value, strict); e != nil {
			return e
		}
	}
	return nil
}
