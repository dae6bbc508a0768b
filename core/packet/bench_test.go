package packet

import (
	"fmt"
	"testing"
)

// benchTopic is as long as the topics of real fleets.
const benchTopic = "fleet/berlin/device-0421/telemetry"

func benchPublish() *Publish {
	return &Publish{Topic: benchTopic, Payload: make([]byte, 64), QoS: QoS1, ID: 7}
}

func rich() *Publish {
	p := benchPublish()
	p.MessageExpiry, p.ContentType, p.ResponseTopic = Some[uint32](60), "application/json", "fleet/replies/0421"
	p.CorrelationData, p.UserProperties = []byte("12345678"), []UserProperty{{"trace", "0af7651916cd43dd"}, {"site", "berlin"}}
	return p
}

func frameOf(tb testing.TB, p Packet, v Version) Frame {
	tb.Helper()
	wire, err := p.Append(nil, v)
	if err != nil {
		tb.Fatal(err)
	}
	f, _, err := ScanFrame(wire, 0)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func BenchmarkPublishAppend(b *testing.B) {
	for name, p := range map[string]*Publish{"plain": benchPublish(), "properties": rich()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			buf := make([]byte, 0, 1024)
			for b.Loop() {
				out, err := p.Append(buf, V5)
				if err != nil || len(out) == 0 {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPublishDecode(b *testing.B) {
	for name, p := range map[string]*Publish{"plain": benchPublish(), "properties": rich()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			f := frameOf(b, p, V5)
			var d Decoder
			var q Publish
			for b.Loop() {
				if err := q.Decode(f, &d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPublishDecodeTopics decodes messages on more than one topic in turn.
func BenchmarkPublishDecodeTopics(b *testing.B) {
	for _, n := range []int{2, 16, 500, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			frames := make([]Frame, n)
			for i := range frames {
				p := benchPublish()
				p.Topic = fmt.Sprintf("fleet/berlin/device-%04d/telemetry", i)
				frames[i] = frameOf(b, p, V5)
			}
			var d Decoder
			var q Publish
			i := 0
			for b.Loop() {
				if err := q.Decode(frames[i], &d); err != nil {
					b.Fatal(err)
				}
				if i++; i == n {
					i = 0
				}
			}
		})
	}
}

// BenchmarkFramer cuts a read of 16 KiB into its packets; the time is that of one packet.
func BenchmarkFramer(b *testing.B) {
	b.ReportAllocs()
	wire, err := benchPublish().Append(nil, V5)
	if err != nil {
		b.Fatal(err)
	}
	var stream []byte
	for len(stream) < 16<<10 {
		stream = append(stream, wire...)
	}
	framer := Framer{Limit: 1 << 20}
	rest := stream
	for b.Loop() {
		_, after, ok, err := framer.Next(rest)
		if err != nil {
			b.Fatal(err)
		}
		if rest = after; !ok {
			rest = stream
		}
	}
}

func BenchmarkPublishValidate(b *testing.B) {
	b.ReportAllocs()
	p := benchPublish()
	for b.Loop() {
		if err := p.Validate(V5, false); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPuback writes, cuts and reads a PUBACK.
func BenchmarkPuback(b *testing.B) {
	for name, code := range map[string]ReasonCode{"short": Success, "code": NoMatchingSubscribers} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			buf := make([]byte, 0, 64)
			var d Decoder
			p := &Puback{Ack{ID: 9, Code: code}}
			for b.Loop() {
				out, err := p.Append(buf, V5)
				if err != nil {
					b.Fatal(err)
				}
				f, _, err := ScanFrame(out, 0)
				if err != nil {
					b.Fatal(err)
				}
				if err := p.Decode(f, &d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMatch(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if !Match("fleet/+/device-0421/#", benchTopic) {
			b.Fatal("no match")
		}
	}
}
