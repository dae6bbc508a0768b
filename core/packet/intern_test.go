package packet

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"
)

// TestTopicsAreShared shows that messages on the same topic share one string, and that frames may be overwritten.
func TestTopicsAreShared(t *testing.T) {
	t.Parallel()
	var d Decoder
	decode := func(topic string) string {
		var p Publish
		f := frameOf(t, &Publish{Topic: topic}, V5)
		if err := p.Decode(f, &d); err != nil {
			t.Fatal(err)
		}
		clear(f.Body)
		if p.Topic != topic {
			t.Fatalf("got %.40q, want %.40q", p.Topic, topic)
		}
		return p.Topic
	}
	for _, topic := range []string{"a/b", strings.Repeat("t", maxInternedLen), strings.Repeat("t", maxInternedLen+1)} {
		if a, b := decode(topic), decode(topic); unsafe.StringData(a) != unsafe.StringData(b) {
			t.Errorf("%.10q: two copies in a row", topic)
		}
	}
	a := decode("a/b")
	decode("c/d")
	if b := decode("a/b"); unsafe.StringData(a) != unsafe.StringData(b) {
		t.Error("two copies with another topic between them")
	}
}

// TestTopicsAreBounded floods a decoder with topics.
func TestTopicsAreBounded(t *testing.T) {
	t.Parallel()
	var d Decoder
	var p Publish
	for i := range 5 * maxInterned {
		if err := p.Decode(frameOf(t, &Publish{Topic: fmt.Sprintf("flood/%d", i)}, V5), &d); err != nil {
			t.Fatal(err)
		}
		if n := len(d.topics.seen); n > maxInterned {
			t.Fatalf("%d topics are held", n)
		}
	}
	for range 3 * maxInterned {
		topic := strings.Repeat("x", maxInternedLen+1)
		if err := p.Decode(frameOf(t, &Publish{Topic: topic}, V5), &d); err != nil {
			t.Fatal(err)
		}
	}
	for topic := range d.topics.seen {
		if len(topic) > maxInternedLen {
			t.Fatalf("a topic of %d bytes is held", len(topic))
		}
	}
}

// TestWrongTopicsAreNotHeld shows that a refused topic is refused again.
func TestWrongTopicsAreNotHeld(t *testing.T) {
	t.Parallel()
	d := Decoder{Strict: true}
	for _, topic := range []string{"a/+", illFormed, withNull, control} {
		f := frameOf(t, &Publish{Topic: topic}, V5)
		for range 3 {
			var p Publish
			expectError(t, p.Decode(f, &d), MalformedPacket, "", topic)
		}
	}
	if d.topics.last != "" || len(d.topics.seen) != 0 {
		t.Errorf("%q and %d others are held", d.topics.last, len(d.topics.seen))
	}
}
