package packet

// Validate reports the first rule that the CONNECT breaks, its will included. It judges the packet as [Connect.Append]
// writes it for v, whatever p.Version says.
func (p *Connect) Validate(v Version, strict bool) error {
	if e := p.validate(v, strict); e != nil {
		return e
	}
	_, _, _, err := p.size(v)
	return err
}

func (p *Connect) validate(v Version, strict bool) *Error {
	if e := checkText(CONNECT, "client identifier", p.ClientID, strict); e != nil { // [MQTT-3.1.3-4]
		return e
	}
	if p.ClientID == "" && !p.CleanStart && !v.v5() {
		return &Error{Packet: CONNECT, Code: ClientIdentifierNotValid, Clause: "v3:MQTT-3.1.3-7",
			Detail: "an empty client identifier needs a clean session in MQTT 3.1.1"}
	}
	if e := p.validateCredentials(v, strict); e != nil {
		return e
	}
	if p.Will != nil {
		if e := p.Will.validate(v, strict); e != nil {
			return e
		}
	}
	if !v.v5() {
		return nil
	}
	if p.AuthData != nil && p.AuthMethod == "" {
		return protocolError(CONNECT, "3.1.2.11.10", "authentication data without a method")
	}
	if e := checkText(CONNECT, "authentication method", p.AuthMethod, strict); e != nil {
		return e
	}
	if e := checkBinary(CONNECT, "authentication data", p.AuthData); e != nil {
		return e
	}
	return checkUser(CONNECT, p.UserProperties, strict)
}

// validateCredentials also refuses a user name or password that would be left out because its flag is not set: the
// server would see another client than the one that was meant.
func (p *Connect) validateCredentials(v Version, strict bool) *Error {
	switch {
	case p.Username != "" && !p.HasUsername:
		return protocolError(CONNECT, "MQTT-3.1.2-16", "a user name without HasUsername")
	case len(p.Password) > 0 && !p.HasPassword:
		return protocolError(CONNECT, "MQTT-3.1.2-18", "a password without HasPassword")
	case p.HasPassword && !p.HasUsername && !v.v5():
		return malformed(CONNECT, "v3:MQTT-3.1.2-22", "a password without a user name, in MQTT 3.1.1")
	}
	if e := checkText(CONNECT, "user name", p.Username, strict); e != nil { // [MQTT-3.1.3-12]
		return e
	}
	return checkBinary(CONNECT, "password", p.Password)
}

func (w *Will) validate(v Version, strict bool) *Error {
	if w.QoS > QoS2 {
		return malformed(CONNECT, "MQTT-3.1.2-12", "the QoS of the will is above 2")
	}
	if e := checkTopic(CONNECT, w.Topic, strict); e != nil { // [MQTT-3.1.3-11]
		return e
	}
	if e := checkBinary(CONNECT, "will payload", w.Payload); e != nil {
		return e
	}
	if !v.v5() {
		return nil
	}
	return checkMessage(CONNECT, message{
		payload: w.Payload, format: w.PayloadFormat, contentType: w.ContentType, responseTopic: w.ResponseTopic,
		correlationData: w.CorrelationData, user: w.UserProperties,
	}, strict)
}
