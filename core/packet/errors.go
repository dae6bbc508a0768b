package packet

import "fmt"

// An Error says what is wrong with a packet, by which clause, and which reason code a DISCONNECT for it carries.
// Decoders, encoders, validators and the [Framer] return no other type of error.
type Error struct {
	Packet Type       // the packet at fault, 0 where it is not known
	Code   ReasonCode // MalformedPacket, ProtocolError, PacketTooLarge, TopicAliasInvalid, ...
	// Clause is the normative statement of MQTT 5, such as "MQTT-1.5.5-1", or the section where none is numbered. It
	// also stands for the same rule of MQTT 3.1.1; a rule that only MQTT 3.1.1 has starts with "v3:".
	Clause string
	Detail string // what was found
}

// Error returns the packet, the finding, the clause and the reason code in one line.
func (e *Error) Error() string {
	name := "packet"
	if e.Packet != 0 {
		name = "packet: " + e.Packet.String()
	}
	return fmt.Sprintf("%s: %s [%s] (%s)", name, e.Detail, e.Clause, e.Code)
}

// Is reports whether target is an [*Error] with the same reason code and, where target names them, packet and clause.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Packet == 0 || t.Packet == e.Packet) && (t.Clause == "" || t.Clause == e.Clause)
}

func malformed(t Type, clause, detail string) *Error {
	return &Error{Packet: t, Code: MalformedPacket, Clause: clause, Detail: detail}
}

func protocolError(t Type, clause, detail string) *Error {
	return &Error{Packet: t, Code: ProtocolError, Clause: clause, Detail: detail}
}
