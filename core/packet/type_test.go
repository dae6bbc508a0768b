package packet

import (
	"testing"
)

func TestTypes(t *testing.T) {
	t.Parallel()
	names := []string{"reserved", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK",
		"UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH", "packet type 16"}
	for i, want := range names {
		typ := Type(i)
		if typ.String() != want {
			t.Errorf("type %d is called %q, want %q", i, typ, want)
		}
		p := New(typ)
		if exists := i > 0 && i < 16; exists != (p != nil) {
			t.Errorf("New(%v) is %v", typ, p)
		} else if exists && p.Type() != typ {
			t.Errorf("New(%v) is a %v", typ, p.Type())
		}
	}
}

// TestFrameOfAnotherPacket gives every packet the frames of all others, and its own with every wrong flag.
func TestFrameOfAnotherPacket(t *testing.T) {
	t.Parallel()
	flags := map[Type]byte{PUBREL: 2, SUBSCRIBE: 2, UNSUBSCRIBE: 2}
	for typ := CONNECT; typ <= AUTH; typ++ {
		for first := range 256 {
			p := New(typ)
			err := p.Decode(Frame{byte(first), []byte{0, 1}}, new(Decoder))
			switch of, low := Type(first>>4), byte(first&15); {
			case of != typ:
				expectError(t, err, ProtocolError, "2.1.2", typ.String()+" from "+of.String())
			case typ != PUBLISH && low != flags[typ]:
				expectError(t, err, MalformedPacket, "MQTT-2.1.3-1", typ.String())
			}
		}
	}
	for first := range 16 {
		_, err := new(Decoder).Decode(Frame{byte(first), nil})
		expectError(t, err, MalformedPacket, "2.1.2", "type 0")
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for v, want := range map[Version]string{V311: "MQTT 3.1.1", V5: "MQTT 5", 3: "MQTT level 3"} {
		if v.String() != want {
			t.Errorf("%d is called %q", v, v)
		}
	}
	// The zero version is MQTT 5, for encoders as for decoders.
	zero, err := (&Connect{ClientID: "c", SessionExpiry: 5}).Append(nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	five, err := (&Connect{ClientID: "c", SessionExpiry: 5}).Append(nil, V5)
	if err != nil || string(zero) != string(five) {
		t.Errorf("% x and % x, %v", zero, five, err)
	}
}

func TestOpt(t *testing.T) {
	t.Parallel()
	var absent Opt[uint32]
	zero := Some[uint32](0)
	if v, ok := absent.Get(); ok || v != 0 || absent.IsSet() || absent.Or(7) != 7 || absent.String() != "absent" {
		t.Errorf("%v is not absent", absent)
	}
	if v, ok := zero.Get(); !ok || v != 0 || !zero.IsSet() || zero.Or(7) != 0 || zero.String() != "0" {
		t.Errorf("%v is not 0", zero)
	}
	if absent == zero {
		t.Error("absent is 0")
	}
}

// TestAppendRefuses writes packets with a field that has no wire form: dst stays as it was.
func TestAppendRefuses(t *testing.T) {
	t.Parallel()
	data := make([]byte, long)
	user := []UserProperty{{tooLongText, ""}}
	for _, c := range []struct {
		packet Packet
		v      Version
		clause string
	}{
		{&Connect{ClientID: tooLongText}, V311, "1.5.4"},
		{&Connect{HasPassword: true, Password: data}, V5, "1.5.6"},
		{&Connect{Will: &Will{Topic: "a", CorrelationData: data}}, V5, "1.5.6"},
		{&Connack{ReasonString: tooLongText}, V5, "1.5.4"},
		{&Connack{AuthData: data}, V5, "1.5.6"},
		{&Publish{Topic: tooLongText}, V311, "MQTT-4.7.3-3"},
		{&Publish{Topic: "a", SubscriptionIDs: []uint32{1, 0}}, V5, "3.3.2.3.8"},
		{&Publish{Topic: "a", SubscriptionIDs: []uint32{1 << 28}}, V5, "3.3.2.3.8"},
		{&Puback{Ack{ReasonString: tooLongText}}, V5, "1.5.4"},
		{&Pubrec{Ack{UserProperties: user}}, V5, "1.5.4"},
		{&Pubrel{Ack{ReasonString: tooLongText}}, V5, "1.5.4"},
		{&Pubcomp{Ack{UserProperties: user}}, V5, "1.5.4"},
		{&Subscribe{Filters: []Filter{{Filter: tooLongText}}}, V311, "1.5.4"},
		{&Subscribe{SubscriptionID: 1 << 28}, V5, "3.8.2.1.2"},
		{&Suback{ReasonString: tooLongText}, V5, "1.5.4"},
		{&Unsubscribe{Filters: []string{tooLongText}}, V5, "1.5.4"},
		{&Unsuback{UserProperties: user}, V5, "1.5.4"},
		{&Disconnect{ReasonString: tooLongText}, V5, "1.5.4"},
		{&Auth{Data: data}, V5, "1.5.6"},
		{&Auth{}, V311, "3.15"},
	} {
		got, err := c.packet.Append([]byte("kept"), c.v)
		if string(got) != "kept" {
			t.Errorf("%v: dst has %d bytes after an error", c.packet.Type(), len(got))
		}
		code := MalformedPacket
		if c.clause[0] == '3' {
			code = ProtocolError
		}
		expectError(t, err, code, c.clause, c.packet.Type().String())
	}
}

// TestAppendMaximumQoS shows that a maximum QoS of 2, which has no wire form, is said by leaving it out.
//
// Conformance: MQTT-3.2.2-9
func TestAppendMaximumQoS(t *testing.T) {
	t.Parallel()
	for q, want := range map[QoS]string{0: "\x20\x05\x00\x00\x02\x24\x00", 1: "\x20\x05\x00\x00\x02\x24\x01", 2: "\x20\x03\x00\x00\x00"} {
		wire, err := (&Connack{MaximumQoS: Some(q)}).Append(nil, V5)
		if err != nil || string(wire) != want {
			t.Errorf("QoS %d: % x, %v", q, wire, err)
		}
	}
}
