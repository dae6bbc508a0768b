package wire

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// Vectors written from the specification, not from the encoder.
func TestEncodersWriteTheSpecifiedBytes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"connect 3.1.1", AppendConnect(nil, V311, "ab", 0), "\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02ab"},
		{"connect 5", AppendConnect(nil, V5, "ab", 0), "\x10\x0f\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x02ab"},
		{"connect 5 receive maximum", AppendConnect(nil, V5, "ab", 258), "\x10\x12\x00\x04MQTT\x05\x02\x00\x00\x03\x21\x01\x02\x00\x02ab"},
		{"connack 3.1.1", AppendConnack(nil, V311), "\x20\x02\x00\x00"},
		{"connack 5", AppendConnack(nil, V5), "\x20\x03\x00\x00\x00"},
		{"publish 3.1.1 QoS 0", AppendPublish(nil, V311, "t", []byte("xy"), 0, 9), "\x30\x05\x00\x01txy"},
		{"publish 5 QoS 2", AppendPublish(nil, V5, "t", []byte("xy"), 2, 258), "\x34\x08\x00\x01t\x01\x02\x00xy"},
		{"subscribe 3.1.1", AppendSubscribe(nil, V311, 258, "f", 1), "\x82\x06\x01\x02\x00\x01f\x01"},
		{"subscribe 5", AppendSubscribe(nil, V5, 258, "f", 1), "\x82\x07\x01\x02\x00\x00\x01f\x01"},
		{"suback 3.1.1", AppendSuback(nil, V311, 258, 1), "\x90\x03\x01\x02\x01"},
		{"suback 5", AppendSuback(nil, V5, 258, 1, 0x80), "\x90\x05\x01\x02\x00\x01\x80"},
		{"puback", AppendAck(nil, Puback, 258), "\x40\x02\x01\x02"},
		{"pubrec", AppendAck(nil, Pubrec, 258), "\x50\x02\x01\x02"},
		{"pubrel", AppendAck(nil, Pubrel, 258), "\x62\x02\x01\x02"},
		{"pubcomp", AppendAck(nil, Pubcomp, 258), "\x70\x02\x01\x02"},
	} {
		if string(c.got) != c.want {
			t.Errorf("%s: % x, want % x", c.name, c.got, c.want)
		}
	}
}

func TestNextWaitsForTheWholePacket(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 100, 127 - 4, 200, 20_000} {
		packet := AppendPublish(nil, V311, "tt", make([]byte, size), 0, 0)
		for cut := range len(packet) {
			if _, _, n, err := Next(packet[:cut], 1<<20); n != 0 || err != nil {
				t.Fatalf("%d of %d bytes: size %d, %v", cut, len(packet), n, err)
			}
		}
		header, body, n, err := Next(append(slices.Clone(packet), 0xFF), 1<<20)
		if header != Publish<<4 || len(body) != size+4 || n != len(packet) || err != nil {
			t.Fatalf("payload %d: header %02x, body %d, size %d, %v", size, header, len(body), n, err)
		}
	}
}

func TestNextRefusesBeforeTheBodyArrives(t *testing.T) {
	t.Parallel()
	if _, _, _, err := Next([]byte("\x30\xff\xff\xff\x7f"), 1000); !errors.Is(err, ErrTooLarge) {
		t.Errorf("256 MB: %v", err)
	}
	if _, _, _, err := Next([]byte("\x30\xff\xff\xff\xff"), 1000); !errors.Is(err, ErrMalformed) {
		t.Errorf("five-byte length: %v", err)
	}
	if _, _, n, err := Next(AppendPublish(nil, V311, "t", make([]byte, 95), 0, 0), 100); n != 100 || err != nil {
		t.Errorf("exactly the limit: %d, %v", n, err)
	}
}

func TestParseConnect(t *testing.T) {
	t.Parallel()
	body := func(packet []byte) []byte { return packet[2:] }
	for name, c := range map[string]struct {
		body []byte
		want ConnectInfo
	}{
		"3.1.1":           {body(AppendConnect(nil, V311, "me", 0)), ConnectInfo{V311, "me", 65535}},
		"5":               {body(AppendConnect(nil, V5, "me", 0)), ConnectInfo{V5, "me", 65535}},
		"receive maximum": {body(AppendConnect(nil, V5, "me", 7)), ConnectInfo{V5, "me", 7}},
		"every property": {[]byte("\x00\x04MQTT\x05\x02\x00\x00\x28" +
			"\x11\x00\x00\x00\x01\x27\x00\x01\x00\x00\x17\x01\x19\x01\x22\x00\x05\x21\x00\x09" +
			"\x15\x00\x02ab\x16\x00\x03abc\x26\x00\x01k\x00\x03val\x00\x02me"), ConnectInfo{V5, "me", 9}},
	} {
		if got, err := ParseConnect(c.body); got != c.want || err != nil {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
}

func TestParsersRefuseBadInput(t *testing.T) {
	t.Parallel()
	connect := func(body string) error { _, err := ParseConnect([]byte(body)); return err }
	publish := func(level, header byte, body string) error {
		_, _, _, err := ParsePublish(level, header, []byte(body))
		return err
	}
	ack := func(level byte, body string) error { _, _, err := ParseAck(level, []byte(body)); return err }
	subscribe := func(level byte, body string) error { _, _, err := ParseSubscribe(level, []byte(body)); return err }
	for name, err := range map[string]error{
		"connect empty":           connect(""),
		"connect protocol name":   connect("\x00\x04MQXT\x04\x02\x00\x00\x00\x00"),
		"connect level":           connect("\x00\x04MQTT\x03\x02\x00\x00\x00\x00"),
		"connect no properties":   connect("\x00\x04MQTT\x05\x02\x00\x00"),
		"connect long properties": connect("\x00\x04MQTT\x05\x02\x00\x00\x09\x21\x00\x01"),
		"connect receive max 0":   connect("\x00\x04MQTT\x05\x02\x00\x00\x03\x21\x00\x00\x00\x00"),
		"connect cut property":    connect("\x00\x04MQTT\x05\x02\x00\x00\x02\x21\x00\x00\x00"),
		"connect cut pair":        connect("\x00\x04MQTT\x05\x02\x00\x00\x04\x26\x00\x01k\x00\x00"),
		"connect property":        connect("\x00\x04MQTT\x05\x02\x00\x00\x02\x01\x00\x00\x00"),
		"connect cut id":          connect("\x00\x04MQTT\x04\x02\x00\x00\x00\x05ab"),
		"connect bad varint":      connect("\x00\x04MQTT\x05\x02\x00\x00\xff\xff\xff\xff\xff"),
		"publish empty":           publish(V311, 0x30, ""),
		"publish cut topic":       publish(V311, 0x30, "\x00\x05ab"),
		"publish QoS 3":           publish(V311, 0x36, "\x00\x01a\x00\x01"),
		"publish no id":           publish(V311, 0x32, "\x00\x01a\x00"),
		"publish id zero":         publish(V311, 0x32, "\x00\x01a\x00\x00"),
		"publish no properties":   publish(V5, 0x30, "\x00\x01a"),
		"publish cut properties":  publish(V5, 0x30, "\x00\x01a\x05\x01"),
		"ack cut":                 ack(V5, "\x00"),
		"ack id zero":             ack(V5, "\x00\x00"),
		"ack long at 3.1.1":       ack(V311, "\x00\x01\x00"),
		"subscribe cut":           subscribe(V311, "\x00"),
		"subscribe id zero":       subscribe(V311, "\x00\x00\x00\x01a\x00"),
		"subscribe no filter":     subscribe(V311, "\x00\x01"),
		"subscribe no options":    subscribe(V311, "\x00\x01\x00\x01a"),
		"subscribe second cut":    subscribe(V311, "\x00\x01\x00\x01a\x00\x00"),
		"subscribe no properties": subscribe(V5, "\x00\x01"),
	} {
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParsePublishFindsEveryPart(t *testing.T) {
	t.Parallel()
	for _, level := range []byte{V311, V5} {
		for qos := range byte(3) {
			packet := AppendPublish(nil, level, "a/b", []byte("payload"), qos, 513)
			topic, payload, id, err := ParsePublish(level, packet[0], packet[2:])
			wantID := uint16(513)
			if qos == 0 {
				wantID = 0
			}
			if err != nil || string(topic) != "a/b" || string(payload) != "payload" || id != wantID {
				t.Errorf("level %d QoS %d: %q, %q, %d, %v", level, qos, topic, payload, id, err)
			}
		}
	}
	// User property k=v between the identifier and the payload.
	_, payload, _, err := ParsePublish(V5, 0x32, []byte("\x00\x01a\x00\x01\x07\x26\x00\x01k\x00\x01vP"))
	if err != nil || string(payload) != "P" {
		t.Errorf("with properties: %q, %v", payload, err)
	}
}

func TestParseAckReadsTheReason(t *testing.T) {
	t.Parallel()
	if id, reason, err := ParseAck(V5, []byte{1, 2, 0x87, 0}); id != 258 || reason != 0x87 || err != nil {
		t.Errorf("%d %02x %v", id, reason, err)
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	id, filters, err := ParseSubscribe(V5, []byte("\x00\x07\x00\x00\x01a\x01\x00\x02bc\x02"))
	if id != 7 || err != nil {
		t.Fatal(id, err)
	}
	var got bytes.Buffer
	for filter, qos := range Filters(filters) {
		got.WriteString(filter)
		got.WriteByte('0' + qos)
	}
	if got.String() != "a1bc2" {
		t.Errorf("%s", got.String())
	}
}

func FuzzNext(f *testing.F) {
	f.Add(AppendPublish(nil, V5, "a/b", []byte("x"), 1, 1))
	f.Add(AppendSubscribe(nil, V5, 1, "a", 0))
	f.Add(AppendConnect(nil, V5, "c", 5))
	f.Fuzz(func(t *testing.T, data []byte) {
		header, body, size, err := Next(data, 1<<16)
		if err != nil || size == 0 {
			return
		}
		if size > len(data) || len(body) >= size {
			t.Fatalf("size %d, body %d of %d bytes", size, len(body), len(data))
		}
		for _, level := range []byte{V311, V5} {
			ParsePublish(level, header, body)
			ParseAck(level, body)
			if _, filters, err := ParseSubscribe(level, body); err == nil {
				for range Filters(filters) {
				}
			}
		}
		ParseConnect(body)
	})
}
