package packet

import "testing"

// allocations fails where f does not allocate exactly want times.
func allocations(t *testing.T, what string, want float64, f func()) {
	t.Helper()
	if got := testing.AllocsPerRun(20, f); got != want {
		t.Errorf("%s: %v allocations, want %v", what, got, want)
	}
}

// TestAppendAllocatesNothing writes every golden packet into a buffer with room.
func TestAppendAllocatesNothing(t *testing.T) {
	buf := make([]byte, 0, 3<<20)
	for _, v := range loadVectors(t, "golden") {
		p := v.build(t)
		allocations(t, v.String(), 0, func() {
			if _, err := p.Append(buf, v.versions[0]); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestAppendAllocatesOnce writes every golden packet into no buffer at all: its length is known before it is written.
func TestAppendAllocatesOnce(t *testing.T) {
	for _, v := range loadVectors(t, "golden") {
		p := v.build(t)
		n := testing.AllocsPerRun(10, func() {
			if _, err := p.Append(nil, v.versions[0]); err != nil {
				t.Fatal(err)
			}
		})
		if n < 1 || n > raceFactor {
			t.Errorf("%v: %v allocations", v, n)
		}
	}
}

func TestPublishSize(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t, "golden") {
		p, ok := v.build(t).(*Publish)
		if !ok {
			continue
		}
		wire, err := p.Append(nil, v.versions[0])
		if err != nil {
			t.Fatal(err)
		}
		if n, err := p.Size(v.versions[0]); err != nil || n != len(wire) {
			t.Errorf("%v: size %d of %d bytes, %v", v, n, len(wire), err)
		}
	}
	for _, p := range []*Publish{
		{Topic: tooLongText},
		{Topic: "a", ContentType: tooLongText},
		{Topic: "a", SubscriptionIDs: []uint32{0}},
		{Topic: "a", SubscriptionIDs: []uint32{maxRemaining + 1}},
	} {
		if _, err := p.Size(V5); err == nil {
			t.Errorf("%.20s, %.20s, %v has a size", p.Topic, p.ContentType, p.SubscriptionIDs)
		}
	}
}

// TestDecodeAllocations guards the hot path of receiving: known topics, no properties, acknowledgements.
func TestDecodeAllocations(t *testing.T) {
	var d Decoder
	var frames []Frame
	for _, topic := range []string{benchTopic, "a", "fleet/berlin/device-0422/telemetry"} {
		for qos := range QoS(3) {
			frames = append(frames, frameOf(t, &Publish{Topic: topic, QoS: qos, ID: 5, Payload: []byte("payload")}, V5))
		}
	}
	frames = append(frames, frameOf(t, &Publish{Topic: benchTopic, TopicAlias: 3, MessageExpiry: Some[uint32](9)}, V5))
	frames = append(frames, frameOf(t, &Publish{TopicAlias: 3}, V5))
	frames = append(frames, frameOf(t, &Publish{Topic: "a", SubscriptionIDs: []uint32{1, 300}}, V5))
	var p Publish
	allocations(t, "PUBLISH", 0, func() {
		for _, f := range frames {
			if err := p.Decode(f, &d); err != nil {
				t.Fatal(err)
			}
		}
	})
	for _, ack := range []Packet{
		&Puback{Ack{ID: 1}}, &Pubrec{Ack{ID: 2, Code: NoMatchingSubscribers}}, &Pubrel{Ack{ID: 3}}, &Pubcomp{Ack{ID: 4, Code: PacketIdentifierNotFound}},
		&Pingreq{}, &Pingresp{}, &Disconnect{Code: ServerBusy}, &Connack{SessionPresent: true},
	} {
		f := frameOf(t, ack, V5)
		allocations(t, ack.Type().String(), 0, func() {
			if err := ack.Decode(f, &d); err != nil {
				t.Fatal(err)
			}
		})
	}
	f := frameOf(t, &Publish{Topic: "a", UserProperties: []UserProperty{{"name", "value"}, {"name2", "value2"}, {"name3", "value3"}}}, V5)
	allocations(t, "user properties", 2, func() {
		if err := p.Decode(f, &d); err != nil {
			t.Fatal(err)
		}
	})
}

// TestFramerAllocatesNothing cuts a stream whose packets lie across the borders of its chunks.
func TestFramerAllocatesNothing(t *testing.T) {
	var stream []byte
	for range 100 {
		stream, _ = benchPublish().Append(stream, V5)
	}
	framer := Framer{Limit: 1 << 20}
	allocations(t, "Framer", 0, func() {
		for chunk := stream; len(chunk) > 0; {
			rest := chunk[:min(333, len(chunk))]
			chunk = chunk[len(rest):]
			for ok := true; ok; {
				var err error
				if _, rest, ok, err = framer.Next(rest); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// TestMatchAllocatesNothing also covers the checks of topics and filters.
func TestMatchAllocatesNothing(t *testing.T) {
	allocations(t, "Match", 0, func() {
		if !Match("$share/g/fleet/+/device-0421/#", benchTopic) || CheckTopic(benchTopic) != nil || CheckFilter("$share/g/+/#") != nil {
			t.Fatal("no match")
		}
	})
}
