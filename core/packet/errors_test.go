package packet

import (
	"errors"
	"testing"
)

// expectError checks that err is an *Error with the code and, where it is given, the clause.
func expectError(t testing.TB, err error, code ReasonCode, clause, what string) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		t.Errorf("%s: got %v, want an *Error with %v [%s]", what, err, code, clause)
	case e == nil:
		t.Errorf("%s: a nil *Error in a non-nil error", what)
	case e.Code != code || clause != "" && e.Clause != clause:
		t.Errorf("%s: got %v, want %v [%s]", what, err, code, clause)
	case e.Detail == "" || e.Clause == "":
		t.Errorf("%s: %#v lacks its detail or clause", what, e)
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	err := error(malformed(SUBACK, "MQTT-2.2.1-3", "the packet identifier is 0"))
	if got, want := err.Error(), "packet: SUBACK: the packet identifier is 0 [MQTT-2.2.1-3] (malformed packet 0x81)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	err = wrongFlags(0x0F)
	if got, want := err.Error(), "packet: packet type 0 is reserved [2.1.2] (malformed packet 0x81)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestErrorIs(t *testing.T) {
	t.Parallel()
	err := error(malformed(SUBACK, "MQTT-2.2.1-3", "the packet identifier is 0"))
	for target, want := range map[*Error]bool{
		{Code: MalformedPacket}:                                         true,
		{Code: MalformedPacket, Packet: SUBACK}:                         true,
		{Code: MalformedPacket, Clause: "MQTT-2.2.1-3"}:                 true,
		{Code: MalformedPacket, Packet: SUBACK, Clause: "MQTT-2.2.1-3"}: true,
		{Code: ProtocolError}:                                           false,
		{Code: MalformedPacket, Packet: PUBACK}:                         false,
		{Code: MalformedPacket, Clause: "MQTT-2.1.3-1"}:                 false,
	} {
		if got := errors.Is(err, target); got != want {
			t.Errorf("errors.Is(%v, %#v) = %v", err, target, got)
		}
	}
	if errors.Is(err, errors.New("other")) {
		t.Error("an *Error is some other error")
	}
}
