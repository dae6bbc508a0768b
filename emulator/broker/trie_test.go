package broker

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// randomLevels joins levels of a small alphabet.
func randomLevels(r *rand.Rand, alphabet []string) string {
	levels := make([]string, 1+r.IntN(4))
	for i := range levels {
		levels[i] = alphabet[r.IntN(len(alphabet))]
	}
	return strings.Join(levels, "/")
}

func randomFilter(r *rand.Rand) string {
	f := randomLevels(r, []string{"a", "b", "", "+", "$x"})
	if r.IntN(3) == 0 {
		return f + "/#"
	}
	return f
}

func randomTopic(r *rand.Rand) string {
	for {
		if t := randomLevels(r, []string{"a", "b", "", "c", "$x"}); t != "" {
			return t
		}
	}
}

// TestTrieMatchesAsPacketMatch compares the trie with the matching of single filters, while filters come and go.
func TestTrieMatchesAsPacketMatch(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	var tr trie
	subs := map[string]*subscription{}
	for range 5_000 {
		f := randomFilter(r)
		switch sub := subs[f]; {
		case f == "":
			continue
		case sub == nil:
			sub = &subscription{filter: f, node: tr.find(f)}
			sub.node.subs = append(sub.node.subs, sub)
			subs[f] = sub
		default:
			sub.node.removeSub(sub)
			sub.node.prune()
			delete(subs, f)
		}
		topic := randomTopic(r)
		var got, want []string
		for _, n := range tr.match(nil, topic) {
			for _, sub := range n.subs {
				got = append(got, sub.filter)
			}
		}
		for f := range subs {
			if packet.Match(f, topic) {
				want = append(want, f)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("topic %q: the trie has %q, want %q", topic, got, want)
		}
	}
	for _, sub := range subs {
		sub.node.removeSub(sub)
		sub.node.prune()
	}
	if n := &tr.root; len(n.children) > 0 || n.plus != nil || n.hash != nil {
		t.Error("the trie is not empty after its last filter")
	}
}

// TestRetainedMatchesAsPacketMatch does the same for the retained messages.
func TestRetainedMatchesAsPacketMatch(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 2))
	b, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	stored := map[string]bool{}
	for range 3_000 {
		topic := randomTopic(r)
		payload := []byte("x")
		if r.IntN(2) == 0 {
			payload = nil
		}
		if err := b.Publish(0, packet.Publish{Topic: topic, Payload: payload, Retain: true}); err != nil {
			t.Fatal(err)
		}
		if payload == nil {
			delete(stored, topic)
		} else {
			stored[topic] = true
		}
		filter := randomFilter(r)
		var got, want []string
		for _, p := range b.Retained(0, filter) {
			got = append(got, p.Topic)
		}
		for s := range stored {
			if packet.Match(filter, s) {
				want = append(want, s)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("filter %q: retained %q, want %q", filter, got, want)
		}
		if b.Stats().Retained != len(stored) {
			t.Fatalf("%d retained messages are counted, want %d", b.Stats().Retained, len(stored))
		}
	}
	for s := range stored {
		if err := b.Publish(0, packet.Publish{Topic: s, Retain: true}); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.retained.root.children) > 0 || b.retained.bytes != 0 {
		t.Errorf("the store is not empty: %d bytes", b.retained.bytes)
	}
}
