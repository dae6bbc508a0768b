package packet

import "fmt"

// Decode sets the packet from a CONNECT of either version, whatever version d has.
func (p *Connect) Decode(f Frame, d *Decoder) error {
	*p = Connect{}
	r := d.open(f, CONNECT)
	if name := r.string("protocol name"); r.err == nil && name != "MQTT" {
		r.fail(&Error{Packet: CONNECT, Code: UnsupportedProtocolVersion, Clause: "MQTT-3.1.2-1", Detail: "the protocol name is not MQTT"})
	}
	p.Version = Version(r.uint8())
	if r.err == nil && p.Version != V5 && p.Version != V311 {
		r.fail(&Error{Packet: CONNECT, Code: UnsupportedProtocolVersion, Clause: "MQTT-3.1.2-2", Detail: fmt.Sprintf("protocol level %d is not supported", p.Version)})
	}
	flags := r.uint8()
	p.KeepAlive = r.uint16()
	checkConnectFlags(&r, flags, p.Version)
	p.CleanStart = flags&flagCleanStart != 0
	if p.Version == V5 {
		p.decodeProperties(&r)
	}
	p.ClientID = r.string("client identifier")
	if flags&flagWill != 0 && r.err == nil {
		p.Will = &Will{QoS: QoS(flags >> 3 & 3), Retain: flags&flagWillRetain != 0}
		p.Will.decode(&r, p.Version)
	}
	if p.HasUsername = flags&flagUsername != 0; p.HasUsername {
		p.Username = r.string("user name") // [MQTT-3.1.3-12]
	}
	if p.HasPassword = flags&flagPassword != 0; p.HasPassword {
		p.Password = r.binary()
	}
	return r.end()
}

func checkConnectFlags(r *reader, flags byte, v Version) {
	switch {
	case r.err != nil:
	case flags&flagReserved != 0:
		r.fail(malformed(CONNECT, "MQTT-3.1.2-3", "the reserved connect flag is set"))
	case flags>>3&3 == 3:
		r.fail(malformed(CONNECT, "MQTT-3.1.2-12", "the will QoS is 3"))
	case flags&flagWill == 0 && flags>>3&3 != 0:
		r.fail(malformed(CONNECT, "MQTT-3.1.2-11", "a will QoS without a will"))
	case flags&flagWill == 0 && flags&flagWillRetain != 0:
		r.fail(malformed(CONNECT, "MQTT-3.1.2-13", "will retain without a will"))
	case !v.v5() && flags&flagPassword != 0 && flags&flagUsername == 0:
		r.fail(malformed(CONNECT, "v3:MQTT-3.1.2-22", "a password without a user name, in MQTT 3.1.1"))
	}
}

func (p *Connect) decodeProperties(r *reader) {
	props := r.properties(CONNECT)
	for id := props.next(); id != 0; id = props.next() {
		switch id {
		case propSessionExpiry:
			p.SessionExpiry = props.uint32()
		case propReceiveMaximum:
			p.ReceiveMaximum = props.nonZero16()
		case propMaximumPacketSize:
			p.MaximumPacketSize = props.nonZero32()
		case propTopicAliasMaximum:
			p.TopicAliasMaximum = props.uint16()
		case propRequestResponseInfo:
			p.RequestResponseInformation = props.bool()
		case propRequestProblemInfo:
			p.RequestProblemInformation = Some(props.bool())
		case propAuthMethod:
			p.AuthMethod = props.text()
		case propAuthData:
			p.AuthData = props.binary()
		case propUserProperty:
			p.UserProperties = props.user(p.UserProperties)
		}
	}
	if p.AuthData != nil && p.AuthMethod == "" && props.err == nil {
		props.fail(protocolError(CONNECT, "3.1.2.11.10", "authentication data without a method"))
	}
	props.close(r)
}

func (w *Will) decode(r *reader, v Version) {
	if v.v5() {
		props := r.properties(will)
		for id := props.next(); id != 0; id = props.next() {
			switch id {
			case propWillDelay:
				w.DelayInterval = props.uint32()
			case propPayloadFormat:
				w.PayloadFormat = PayloadFormat(b2i(props.bool()))
			case propMessageExpiry:
				w.MessageExpiry = Some(props.uint32())
			case propContentType:
				w.ContentType = props.text()
			case propResponseTopic:
				w.ResponseTopic = props.responseTopic()
			case propCorrelationData:
				w.CorrelationData = props.binary()
			case propUserProperty:
				w.UserProperties = props.user(w.UserProperties)
			}
		}
		props.close(r)
	}
	w.Topic = string(r.binary())
	if r.err == nil {
		if e := checkTopic(CONNECT, w.Topic, r.strict); e != nil { // [MQTT-3.1.3-11]
			r.fail(e)
		}
	}
	w.Payload = r.binary()
}
