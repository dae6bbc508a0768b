package packet

import (
	"fmt"
	"slices"
	"testing"
)

// specReasons is table 2-6 of the specification, written down a second time. Granted QoS 0 and normal disconnection
// are the same value as success and share its line.
var specReasons = []struct {
	code    byte
	name    string
	packets []Type
}{
	{0, "success", []Type{CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT, AUTH}},
	{1, "granted QoS 1", []Type{SUBACK}},
	{2, "granted QoS 2", []Type{SUBACK}},
	{4, "disconnect with will message", []Type{DISCONNECT}},
	{16, "no matching subscribers", []Type{PUBACK, PUBREC}},
	{17, "no subscription existed", []Type{UNSUBACK}},
	{24, "continue authentication", []Type{AUTH}},
	{25, "re-authenticate", []Type{AUTH}},
	{128, "unspecified error", []Type{CONNACK, PUBACK, PUBREC, SUBACK, UNSUBACK, DISCONNECT}},
	{129, "malformed packet", []Type{CONNACK, DISCONNECT}},
	{130, "protocol error", []Type{CONNACK, DISCONNECT}},
	{131, "implementation specific error", []Type{CONNACK, PUBACK, PUBREC, SUBACK, UNSUBACK, DISCONNECT}},
	{132, "unsupported protocol version", []Type{CONNACK}},
	{133, "client identifier not valid", []Type{CONNACK}},
	{134, "bad user name or password", []Type{CONNACK}},
	{135, "not authorized", []Type{CONNACK, PUBACK, PUBREC, SUBACK, UNSUBACK, DISCONNECT}},
	{136, "server unavailable", []Type{CONNACK}},
	{137, "server busy", []Type{CONNACK, DISCONNECT}},
	{138, "banned", []Type{CONNACK}},
	{139, "server shutting down", []Type{DISCONNECT}},
	{140, "bad authentication method", []Type{CONNACK, DISCONNECT}},
	{141, "keep alive timeout", []Type{DISCONNECT}},
	{142, "session taken over", []Type{DISCONNECT}},
	{143, "topic filter invalid", []Type{SUBACK, UNSUBACK, DISCONNECT}},
	{144, "topic name invalid", []Type{CONNACK, PUBACK, PUBREC, DISCONNECT}},
	{145, "packet identifier in use", []Type{PUBACK, PUBREC, SUBACK, UNSUBACK}},
	{146, "packet identifier not found", []Type{PUBREL, PUBCOMP}},
	{147, "receive maximum exceeded", []Type{DISCONNECT}},
	{148, "topic alias invalid", []Type{DISCONNECT}},
	{149, "packet too large", []Type{CONNACK, DISCONNECT}},
	{150, "message rate too high", []Type{DISCONNECT}},
	{151, "quota exceeded", []Type{CONNACK, PUBACK, PUBREC, SUBACK, DISCONNECT}},
	{152, "administrative action", []Type{DISCONNECT}},
	{153, "payload format invalid", []Type{CONNACK, PUBACK, PUBREC, DISCONNECT}},
	{154, "retain not supported", []Type{CONNACK, DISCONNECT}},
	{155, "QoS not supported", []Type{CONNACK, DISCONNECT}},
	{156, "use another server", []Type{CONNACK, DISCONNECT}},
	{157, "server moved", []Type{CONNACK, DISCONNECT}},
	{158, "shared subscriptions not supported", []Type{SUBACK, DISCONNECT}},
	{159, "connection rate exceeded", []Type{CONNACK, DISCONNECT}},
	{160, "maximum connect time", []Type{DISCONNECT}},
	{161, "subscription identifiers not supported", []Type{SUBACK, DISCONNECT}},
	{162, "wildcard subscriptions not supported", []Type{SUBACK, DISCONNECT}},
}

func allowedReason(code byte, t Type) bool {
	for _, row := range specReasons {
		if row.code == code {
			return slices.Contains(row.packets, t)
		}
	}
	return false
}

func TestReasonTable(t *testing.T) {
	t.Parallel()
	for code := range 256 {
		c := ReasonCode(code)
		want := fmt.Sprintf("reason code 0x%02X", code)
		for _, row := range specReasons {
			if int(row.code) == code {
				want = fmt.Sprintf("%s 0x%02X", row.name, code)
			}
		}
		if c.String() != want {
			t.Errorf("0x%02X is called %q, want %q", code, c, want)
		}
		if c.Failed() != (code >= 128) {
			t.Errorf("%v: Failed is %v", c, c.Failed())
		}
		for typ := range Type(20) {
			if got := c.ValidIn(typ); got != allowedReason(byte(code), typ) {
				t.Errorf("%v in %v: %v", c, typ, got)
			}
		}
	}
}

// TestReasonDecode offers every value to every packet with a reason code.
//
// Conformance: MQTT-3.2.2-8, MQTT-3.4.2-1, MQTT-3.5.2-1, MQTT-3.6.2-1, MQTT-3.7.2-1, MQTT-3.9.3-2, MQTT-3.11.3-2
// Conformance: MQTT-3.14.2-1, MQTT-3.15.2-1
func TestReasonDecode(t *testing.T) {
	t.Parallel()
	method := []byte{4, 21, 0, 1, 'm'}
	for typ, c := range map[Type]struct {
		frame  func(code byte) Frame
		clause string
	}{
		CONNACK:    {func(c byte) Frame { return Frame{0x20, []byte{0, c, 0}} }, "MQTT-3.2.2-8"},
		PUBACK:     {func(c byte) Frame { return Frame{0x40, []byte{0, 1, c}} }, "MQTT-3.4.2-1"},
		PUBREC:     {func(c byte) Frame { return Frame{0x50, []byte{0, 1, c}} }, "MQTT-3.5.2-1"},
		PUBREL:     {func(c byte) Frame { return Frame{0x62, []byte{0, 1, c}} }, "MQTT-3.6.2-1"},
		PUBCOMP:    {func(c byte) Frame { return Frame{0x70, []byte{0, 1, c}} }, "MQTT-3.7.2-1"},
		SUBACK:     {func(c byte) Frame { return Frame{0x90, []byte{0, 1, 0, 0, c}} }, "MQTT-3.9.3-2"},
		UNSUBACK:   {func(c byte) Frame { return Frame{0xB0, []byte{0, 1, 0, c}} }, "MQTT-3.11.3-2"},
		DISCONNECT: {func(c byte) Frame { return Frame{0xE0, []byte{c}} }, "MQTT-3.14.2-1"},
		AUTH:       {func(c byte) Frame { return Frame{0xF0, append([]byte{c}, method...)} }, "MQTT-3.15.2-1"},
	} {
		for code := range 256 {
			err := decodeFrame(c.frame(byte(code)))
			if allowedReason(byte(code), typ) {
				if err != nil {
					t.Errorf("0x%02X in %v: %v", code, typ, err)
				}
				continue
			}
			expectError(t, err, ProtocolError, c.clause, fmt.Sprintf("0x%02X in %v", code, typ))
		}
	}
}

// TestClientMaySend is the column "sent by" of table 3-10, and the one code that section 3.3.4 adds for clients.
//
// Conformance: MQTT-3.14.2-1, MQTT-3.15.2-1
func TestClientMaySend(t *testing.T) {
	t.Parallel()
	disconnect := []byte{0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9B}
	auth := []byte{0x18, 0x19}
	for code := range 256 {
		c, b := ReasonCode(code), byte(code)
		for typ, want := range map[Type]bool{
			DISCONNECT: slices.Contains(disconnect, b),
			AUTH:       slices.Contains(auth, b),
			PUBACK:     allowedReason(b, PUBACK) && code != 0x10,
			PUBREC:     allowedReason(b, PUBREC) && code != 0x10,
			PUBREL:     allowedReason(b, PUBREL),
			PUBCOMP:    allowedReason(b, PUBCOMP),
			CONNACK:    false,
			SUBACK:     false,
			UNSUBACK:   false,
			PUBLISH:    false,
		} {
			if got := c.ClientMaySend(typ); got != want {
				t.Errorf("%v in %v: %v", c, typ, got)
			}
		}
	}
}

// TestReturnCodes maps every reason code to a return code of MQTT 3.1.1, and none of the refusals to "accepted".
func TestReturnCodes(t *testing.T) {
	t.Parallel()
	for code, want := range map[ReasonCode]byte{
		Success: 0, UnsupportedProtocolVersion: 1, ClientIdentifierNotValid: 2, ServerUnavailable: 3, BadUserNameOrPassword: 4,
		NotAuthorized: 5, Banned: 5, BadAuthenticationMethod: 5, ServerBusy: 3, QuotaExceeded: 3, UnspecifiedError: 3,
	} {
		wire, err := (&Connack{Code: code}).Append(nil, V311)
		if err != nil || len(wire) != 4 || wire[3] != want {
			t.Errorf("%v: % x, %v", code, wire, err)
		}
	}
	for _, row := range specReasons {
		if got := returnCode(ReasonCode(row.code)); row.code >= 0x80 && got == 0 || got > 5 {
			t.Errorf("0x%02X becomes %d", row.code, got)
		}
	}
}

// TestFailuresInOldSuback shows the one failure that MQTT 3.1.1 has in a SUBACK.
//
// Conformance: v3:MQTT-3.9.3-2
func TestFailuresInOldSuback(t *testing.T) {
	t.Parallel()
	wire, err := (&Suback{ID: 10, Codes: []ReasonCode{GrantedQoS2, NotAuthorized, TopicFilterInvalid}}).Append(nil, V311)
	if want := "\x90\x05\x00\x0a\x02\x80\x80"; err != nil || string(wire) != want {
		t.Errorf("% x, want % x, %v", wire, want, err)
	}
}
