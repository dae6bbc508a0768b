package packet

import "fmt"

// ReasonCode is the result of an operation. Codes below 0x80 are successes.
type ReasonCode byte

// The reason codes of MQTT 5. Success, NormalDisconnection and GrantedQoS0 share the value 0x00.
const (
	Success                             ReasonCode = 0x00
	NormalDisconnection                 ReasonCode = 0x00
	GrantedQoS0                         ReasonCode = 0x00
	GrantedQoS1                         ReasonCode = 0x01
	GrantedQoS2                         ReasonCode = 0x02
	DisconnectWithWill                  ReasonCode = 0x04
	NoMatchingSubscribers               ReasonCode = 0x10
	NoSubscriptionExisted               ReasonCode = 0x11
	ContinueAuthentication              ReasonCode = 0x18
	ReAuthenticate                      ReasonCode = 0x19
	UnspecifiedError                    ReasonCode = 0x80
	MalformedPacket                     ReasonCode = 0x81
	ProtocolError                       ReasonCode = 0x82
	ImplementationSpecificError         ReasonCode = 0x83
	UnsupportedProtocolVersion          ReasonCode = 0x84
	ClientIdentifierNotValid            ReasonCode = 0x85
	BadUserNameOrPassword               ReasonCode = 0x86
	NotAuthorized                       ReasonCode = 0x87
	ServerUnavailable                   ReasonCode = 0x88
	ServerBusy                          ReasonCode = 0x89
	Banned                              ReasonCode = 0x8A
	ServerShuttingDown                  ReasonCode = 0x8B
	BadAuthenticationMethod             ReasonCode = 0x8C
	KeepAliveTimeout                    ReasonCode = 0x8D
	SessionTakenOver                    ReasonCode = 0x8E
	TopicFilterInvalid                  ReasonCode = 0x8F
	TopicNameInvalid                    ReasonCode = 0x90
	PacketIdentifierInUse               ReasonCode = 0x91
	PacketIdentifierNotFound            ReasonCode = 0x92
	ReceiveMaximumExceeded              ReasonCode = 0x93
	TopicAliasInvalid                   ReasonCode = 0x94
	PacketTooLarge                      ReasonCode = 0x95
	MessageRateTooHigh                  ReasonCode = 0x96
	QuotaExceeded                       ReasonCode = 0x97
	AdministrativeAction                ReasonCode = 0x98
	PayloadFormatInvalid                ReasonCode = 0x99
	RetainNotSupported                  ReasonCode = 0x9A
	QoSNotSupported                     ReasonCode = 0x9B
	UseAnotherServer                    ReasonCode = 0x9C
	ServerMoved                         ReasonCode = 0x9D
	SharedSubscriptionsNotSupported     ReasonCode = 0x9E
	ConnectionRateExceeded              ReasonCode = 0x9F
	MaximumConnectTime                  ReasonCode = 0xA0
	SubscriptionIdentifiersNotSupported ReasonCode = 0xA1
	WildcardSubscriptionsNotSupported   ReasonCode = 0xA2
)

type reasonInfo struct {
	name    string
	packets uint16 // bit n: packet type n may carry the code
}

func on(types ...Type) (set uint16) {
	for _, t := range types {
		set |= 1 << t
	}
	return set
}

// reasons is the table of MQTT 5 section 2.4.
var reasons = [...]reasonInfo{
	Success:                             {"success", on(CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT, AUTH)},
	GrantedQoS1:                         {"granted QoS 1", on(SUBACK)},
	GrantedQoS2:                         {"granted QoS 2", on(SUBACK)},
	DisconnectWithWill:                  {"disconnect with will message", on(DISCONNECT)},
	NoMatchingSubscribers:               {"no matching subscribers", on(PUBACK, PUBREC)},
	NoSubscriptionExisted:               {"no subscription existed", on(UNSUBACK)},
	ContinueAuthentication:              {"continue authentication", on(AUTH)},
	ReAuthenticate:                      {"re-authenticate", on(AUTH)},
	UnspecifiedError:                    {"unspecified error", on(CONNACK, PUBACK, PUBREC, SUBACK, UNSUBACK, DISCONNECT)},
	MalformedPacket:                     {"malformed packet", on(CONNACK, DISCONNECT)},
	ProtocolError:                       {"protocol error", on(CONNACK, DISCONNECT)},
	ImplementationSpecificError:         {"implementation specific error", on(CONNACK, PUBACK, PUBREC, SUBACK, UNSUBACK, DISCONNECT)},
	UnsupportedProtocolVersion:          {"unsupported protocol version", on(CONNACK)},
	ClientIdentifierNotValid:            {"client identifier not valid", on(CONNACK)},
	BadUserNameOrPassword:               {"bad user name or password", on(CONNACK)},
	NotAuthorized:                       {"not authorized", on(CONNACK, PUBACK, PUBREC, SUBACK, UNSUBACK, DISCONNECT)},
	ServerUnavailable:                   {"server unavailable", on(CONNACK)},
	ServerBusy:                          {"server busy", on(CONNACK, DISCONNECT)},
	Banned:                              {"banned", on(CONNACK)},
	ServerShuttingDown:                  {"server shutting down", on(DISCONNECT)},
	BadAuthenticationMethod:             {"bad authentication method", on(CONNACK, DISCONNECT)},
	KeepAliveTimeout:                    {"keep alive timeout", on(DISCONNECT)},
	SessionTakenOver:                    {"session taken over", on(DISCONNECT)},
	TopicFilterInvalid:                  {"topic filter invalid", on(SUBACK, UNSUBACK, DISCONNECT)},
	TopicNameInvalid:                    {"topic name invalid", on(CONNACK, PUBACK, PUBREC, DISCONNECT)},
	PacketIdentifierInUse:               {"packet identifier in use", on(PUBACK, PUBREC, SUBACK, UNSUBACK)},
	PacketIdentifierNotFound:            {"packet identifier not found", on(PUBREL, PUBCOMP)},
	ReceiveMaximumExceeded:              {"receive maximum exceeded", on(DISCONNECT)},
	TopicAliasInvalid:                   {"topic alias invalid", on(DISCONNECT)},
	PacketTooLarge:                      {"packet too large", on(CONNACK, DISCONNECT)},
	MessageRateTooHigh:                  {"message rate too high", on(DISCONNECT)},
	QuotaExceeded:                       {"quota exceeded", on(CONNACK, PUBACK, PUBREC, SUBACK, DISCONNECT)},
	AdministrativeAction:                {"administrative action", on(DISCONNECT)},
	PayloadFormatInvalid:                {"payload format invalid", on(CONNACK, PUBACK, PUBREC, DISCONNECT)},
	RetainNotSupported:                  {"retain not supported", on(CONNACK, DISCONNECT)},
	QoSNotSupported:                     {"QoS not supported", on(CONNACK, DISCONNECT)},
	UseAnotherServer:                    {"use another server", on(CONNACK, DISCONNECT)},
	ServerMoved:                         {"server moved", on(CONNACK, DISCONNECT)},
	SharedSubscriptionsNotSupported:     {"shared subscriptions not supported", on(SUBACK, DISCONNECT)},
	ConnectionRateExceeded:              {"connection rate exceeded", on(CONNACK, DISCONNECT)},
	MaximumConnectTime:                  {"maximum connect time", on(DISCONNECT)},
	SubscriptionIdentifiersNotSupported: {"subscription identifiers not supported", on(SUBACK, DISCONNECT)},
	WildcardSubscriptionsNotSupported:   {"wildcard subscriptions not supported", on(SUBACK, DISCONNECT)},
}

// String returns the name and the value, such as "not authorized 0x87".
func (c ReasonCode) String() string {
	if int(c) < len(reasons) && reasons[c].name != "" {
		return fmt.Sprintf("%s 0x%02X", reasons[c].name, byte(c))
	}
	return fmt.Sprintf("reason code 0x%02X", byte(c))
}

// Failed reports whether the code is an error: 0x80 and above.
func (c ReasonCode) Failed() bool { return c >= 0x80 }

// ValidIn reports whether the specification lets a packet of type t carry the code.
func (c ReasonCode) ValidIn(t Type) bool {
	return int(c) < len(reasons) && reasons[c].packets&(1<<t) != 0
}

// ClientMaySend reports whether a client may send the code in a packet of type t. It is narrower than
// [ReasonCode.ValidIn]: some codes of PUBACK, PUBREC, DISCONNECT and AUTH come only from a server (sections 3.4.2.1,
// 3.5.2.1, 3.14.2.1 and 3.15.2.1).
func (c ReasonCode) ClientMaySend(t Type) bool {
	switch t {
	case DISCONNECT:
		switch c {
		case NormalDisconnection, DisconnectWithWill, UnspecifiedError, MalformedPacket, ProtocolError,
			ImplementationSpecificError, TopicNameInvalid, ReceiveMaximumExceeded, TopicAliasInvalid, PacketTooLarge,
			MessageRateTooHigh, QuotaExceeded, AdministrativeAction, PayloadFormatInvalid,
			QoSNotSupported: // the last one by section 3.3.4, though the table gives it to servers
			return true
		}
		return false
	case AUTH:
		return c == ContinueAuthentication || c == ReAuthenticate
	case PUBACK, PUBREC:
		return c != NoMatchingSubscribers && c.ValidIn(t)
	case CONNACK, SUBACK, UNSUBACK:
		return false
	}
	return c.ValidIn(t)
}
