package packet

import "fmt"

// Type is the control packet type in the high four bits of the first byte.
type Type byte

// The control packet types. Type 0 is reserved in both versions, AUTH exists only in MQTT 5.
const (
	CONNECT     Type = 1
	CONNACK     Type = 2
	PUBLISH     Type = 3
	PUBACK      Type = 4
	PUBREC      Type = 5
	PUBREL      Type = 6
	PUBCOMP     Type = 7
	SUBSCRIBE   Type = 8
	SUBACK      Type = 9
	UNSUBSCRIBE Type = 10
	UNSUBACK    Type = 11
	PINGREQ     Type = 12
	PINGRESP    Type = 13
	DISCONNECT  Type = 14
	AUTH        Type = 15
)

// will stands for the will properties inside a CONNECT, which have rules of their own.
const will Type = 0

var typeNames = [16]string{
	"reserved", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
	"SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
}

// String returns the specification's name of the packet, in capitals.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("packet type %d", byte(t))
}

// fixedFlags are the low four bits of the first byte of every packet but PUBLISH [MQTT-2.1.3-1]. Type 0 has none
// that are right.
var fixedFlags = [16]byte{
	0:           0xFF,
	PUBREL:      0b0010, // [MQTT-3.6.1-1]
	SUBSCRIBE:   0b0010, // [MQTT-3.8.1-1]
	UNSUBSCRIBE: 0b0010, // [MQTT-3.10.1-1]
}

// A Packet is any of the fifteen control packets, as a pointer.
type Packet interface {
	// Type returns the control packet type.
	Type() Type
	// Append appends the packet's wire form to dst. On an error dst is returned as it was.
	Append(dst []byte, v Version) ([]byte, error)
	// Decode sets the packet from a frame of its type.
	Decode(f Frame, d *Decoder) error
}

// New returns an empty packet of type t, nil where there is no such type.
func New(t Type) Packet {
	switch t {
	case CONNECT:
		return new(Connect)
	case CONNACK:
		return new(Connack)
	case PUBLISH:
		return new(Publish)
	case PUBACK:
		return new(Puback)
	case PUBREC:
		return new(Pubrec)
	case PUBREL:
		return new(Pubrel)
	case PUBCOMP:
		return new(Pubcomp)
	case SUBSCRIBE:
		return new(Subscribe)
	case SUBACK:
		return new(Suback)
	case UNSUBSCRIBE:
		return new(Unsubscribe)
	case UNSUBACK:
		return new(Unsuback)
	case PINGREQ:
		return new(Pingreq)
	case PINGRESP:
		return new(Pingresp)
	case DISCONNECT:
		return new(Disconnect)
	case AUTH:
		return new(Auth)
	}
	return nil
}
