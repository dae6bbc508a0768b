package packet

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

// FuzzDecode takes any bytes for a packet: what is read can be written and read again as the same, the rest is an
// *Error, and nothing panics (F91, F93, F97).
func FuzzDecode(f *testing.F) {
	for _, folder := range []string{"golden", "malformed"} {
		for _, v := range loadVectors(f, folder) {
			if len(v.wire) < 1000 {
				f.Add(v.wire)
			}
		}
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		frame, n, err := ScanFrame(wire, 0)
		switch {
		case len(wire) == 0:
			return
		case err != nil:
			expectError(t, err, MalformedPacket, "", "ScanFrame")
			return
		case n == 0:
			frame = Frame{wire[0], wire[1:]}
		}
		for _, d := range decoders() {
			before := bytes.Clone(frame.Body)
			decodeSafely(t, frame, &Decoder{Version: d.Version, Strict: d.Strict}, d.Version.String())
			if !bytes.Equal(before, frame.Body) {
				t.Error("the decoder writes into its frame")
			}
		}
	})
}

// outcome is all that a stream leaves behind: its frames, and the error that ended it.
type outcome struct {
	frames [][]byte
	err    error
}

func (o *outcome) add(f Frame) {
	o.frames = append(o.frames, append([]byte{f.First}, f.Body...))
}

// FuzzFramer cuts any stream in any way: packets and error are those of the stream in one piece.
func FuzzFramer(f *testing.F) {
	var stream []byte
	for _, v := range loadVectors(f, "golden") {
		if len(v.wire) < 200 {
			stream = append(stream, v.wire...)
		}
	}
	f.Add(stream, uint64(1), uint32(0))
	f.Add(stream, uint64(2), uint32(50))
	for _, v := range loadVectors(f, "malformed") {
		f.Add(append([]byte{0xD0, 0}, v.wire...), uint64(3), uint32(1000))
	}
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64, limit uint32) {
		var whole, cut outcome
		rest := stream
		for {
			frame, n, err := ScanFrame(rest, limit)
			if whole.err = err; n == 0 || err != nil {
				break
			}
			whole.add(frame)
			rest = rest[n:]
		}
		r := rand.New(rand.NewPCG(seed, 0))
		framer := Framer{Limit: limit}
		cut.err = collect(t, &framer, stream, func() int { return 1 + r.IntN(1+r.IntN(40)) }, cut.add)
		if len(whole.frames) != len(cut.frames) {
			t.Fatalf("%d packets whole, %d cut", len(whole.frames), len(cut.frames))
		}
		for i := range whole.frames {
			if !bytes.Equal(whole.frames[i], cut.frames[i]) {
				t.Errorf("packet %d: % x whole, % x cut", i, head(whole.frames[i]), head(cut.frames[i]))
			}
		}
		if whole.err != nil && !errors.Is(cut.err, whole.err) || whole.err == nil && cut.err != nil {
			t.Errorf("error whole: %v, cut: %v", whole.err, cut.err)
		}
		if c := cap(framer.partial); c > keepPartial+2*len(stream) {
			t.Errorf("%d bytes are held for a stream of %d", c, len(stream))
		}
	})
}

// FuzzTopic compares CheckFilter and Match with oracles that were written from the specification apart from them.
func FuzzTopic(f *testing.F) {
	for _, s := range [][2]string{
		{"sport/+/#", "sport/tennis"}, {"#", "$SYS"}, {"$share/g/+/a", "b/a"}, {"a+", "a"}, {"+/", "/"}, {"\xff", "\x00"}, {"a/#", "a"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, filter, topic string) {
		err := CheckFilter(filter)
		if !IsShared(filter) && (err == nil) != filterOracle(filter) {
			t.Errorf("filter %q: %v", filter, err)
		}
		_, inner, ok := SplitShared(filter)
		if IsShared(filter) && err == nil && !(ok && filterOracle(inner)) {
			t.Errorf("shared filter %q is accepted", filter)
		}
		terr := CheckTopic(topic)
		if want := filterOracle(topic) && !HasWildcard(topic); want != (terr == nil) {
			t.Errorf("topic %q: %v", topic, terr)
		}
		got := Match(filter, topic) // must not panic, whatever they are
		if err == nil && terr == nil && got != matchOracle(filter, topic) {
			t.Errorf("Match(%q, %q) = %v", filter, topic, got)
		}
	})
}

// FuzzValidate makes packets of any fields: those that Validate accepts are written, and read as the same.
func FuzzValidate(f *testing.F) {
	for kind := range byte(6) {
		f.Add(kind, true, false, "a/b", "c", "text", []byte("payload"), uint32(1), uint32(7))
		f.Add(kind, false, true, "$share/g/#", "", "\x00", []byte{0xFF}, uint32(0), uint32(0xFFFF))
		f.Add(kind, true, true, "+", "r/t", "é", []byte(nil), uint32(1<<28), uint32(0x155))
	}
	f.Fuzz(func(t *testing.T, kind byte, v5, strict bool, a, b, c string, data []byte, n, flags uint32) {
		version := V311
		if v5 {
			version = V5
		}
		p := fuzzPacket(kind, a, b, c, data, n, flags)
		if err := p.Validate(version, strict); err != nil {
			if e, ok := errors.AsType[*Error](err); !ok || e.Clause == "" || e.Packet != p.Type() {
				t.Errorf("%#v: %#v", p, err)
			}
			return
		}
		wire, err := p.Append(nil, version)
		if err != nil {
			t.Fatalf("%#v is valid, but not written: %v", p, err)
		}
		frame, size, err := ScanFrame(wire, 0)
		if err != nil || size != len(wire) {
			t.Fatalf("%#v is valid, but written as %d of %d bytes: %v", p, size, len(wire), err)
		}
		q, err := (&Decoder{Version: version, Strict: strict}).Decode(frame)
		if err != nil {
			t.Fatalf("%#v is valid, but not read: %v", p, err)
		}
		again, err := q.Append(nil, version)
		if err != nil || !bytes.Equal(wire, again) {
			t.Errorf("%#v: written as % x, after reading as % x, %v", p, wire, again, err)
		}
	})
}

// fuzzPacket puts the fields of FuzzValidate into one of the packets that a client sends.
func fuzzPacket(kind byte, a, b, c string, data []byte, n, flags uint32) validator {
	bit := func(i int) bool { return flags>>i&1 == 1 }
	var user []UserProperty
	if bit(0) {
		user = []UserProperty{{a, c}, {c, b}}
	}
	var expiry Opt[uint32]
	if bit(1) {
		expiry = Some(n)
	}
	qos := QoS(flags >> 2 & 3)
	format := PayloadFormat(flags >> 4 & 3)
	switch kind % 6 {
	case 0:
		p := &Publish{Dup: bit(6), QoS: qos, Retain: bit(7), ID: 1, Topic: a, Payload: data, PayloadFormat: format, MessageExpiry: expiry,
			TopicAlias: uint16(n), ResponseTopic: b, ContentType: c, UserProperties: user}
		if bit(8) {
			p.CorrelationData = data
		}
		if bit(9) {
			p.SubscriptionIDs = []uint32{n}
		}
		return p
	case 1:
		filters := []Filter{{a, qos, bit(6), bit(7), RetainHandling(format)}, {Filter: b}}
		return &Subscribe{ID: 1, Filters: filters[:min(2, flags>>8&3)], SubscriptionID: n, UserProperties: user}
	case 2:
		return &Unsubscribe{ID: 1, Filters: []string{a, b, c}[:flags>>8&3], UserProperties: user}
	case 3:
		return &Disconnect{Code: ReasonCode(n), SessionExpiry: expiry, ReasonString: c, UserProperties: user}
	case 4:
		return &Auth{Code: ReasonCode(n), Method: a, Data: data, ReasonString: c, UserProperties: user}
	}
	p := &Connect{CleanStart: bit(6), KeepAlive: uint16(n), ClientID: c, HasUsername: bit(7), HasPassword: bit(8), SessionExpiry: n,
		ReceiveMaximum: uint16(n), MaximumPacketSize: n, TopicAliasMaximum: uint16(n), RequestResponseInformation: bit(9),
		UserProperties: user}
	if bit(7) {
		p.Username = b
	}
	if bit(8) {
		p.Password = data
	}
	if bit(10) {
		p.AuthMethod, p.AuthData = b, data
	}
	if bit(11) {
		p.Will = &Will{Topic: a, Payload: data, QoS: qos, Retain: bit(12), DelayInterval: n, PayloadFormat: format, MessageExpiry: expiry,
			ContentType: c, ResponseTopic: b, CorrelationData: data, UserProperties: user}
	}
	return p
}
