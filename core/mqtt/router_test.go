package mqtt

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// model is the router without an index: it asks packet.Match about every filter.
type model map[*Subscription][]string

func (m model) find(topic string) map[*Subscription]bool {
	found := make(map[*Subscription]bool)
	for s, filters := range m {
		for _, f := range filters {
			if packet.Match(f, topic) {
				found[s] = true
			}
		}
	}
	return found
}

// wantSame wants the same subscriptions, each once.
func wantSame(t *testing.T, topic string, got []*Subscription, want map[*Subscription]bool) {
	t.Helper()
	seen := make(map[*Subscription]bool)
	for _, s := range got {
		if seen[s] || !want[s] {
			t.Fatalf("%q: found %q, twice or wrongly", topic, s.filters)
		}
		seen[s] = true
	}
	for s := range want {
		if !seen[s] {
			t.Fatalf("%q: did not find %q", topic, s.filters)
		}
	}
}

func randomLevels(r *rand.Rand, words []string) string {
	levels := make([]string, 1+r.IntN(4))
	for i := range levels {
		levels[i] = words[r.IntN(len(words))]
	}
	return strings.Join(levels, "/")
}

func randomFilter(r *rand.Rand) string {
	for {
		f := randomLevels(r, []string{"a", "b", "", "+", "+", "$SYS", "#"})
		if r.IntN(8) == 0 {
			f = "$share/group/" + f
		}
		if packet.CheckFilter(f) == nil {
			return f
		}
	}
}

func randomTopic(r *rand.Rand) string {
	for {
		if topic := randomLevels(r, []string{"a", "b", "c", "", "$SYS"}); packet.CheckTopic(topic) == nil {
			return topic
		}
	}
}

// The router finds what packet.Match finds, while filters come and go.
//
// Conformance: MQTT-4.7.2-1, MQTT-4.7.3-4, v3:MQTT-3.3.2-3
func TestRouterAgainstMatch(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 1))
		var router router
		m := make(model)
		for range 600 {
			switch n := r.IntN(10); {
			case n < 2 && len(m) < 30:
				s := new(Subscription)
				for range 1 + r.IntN(3) {
					s.filters = append(s.filters, randomFilter(r))
				}
				for _, f := range s.filters {
					router.add(f, s)
				}
				m[s] = s.filters
			case n < 4 && len(m) > 0:
				all := make([]*Subscription, 0, len(m))
				for s := range m {
					all = append(all, s)
				}
				slices.SortFunc(all, func(a, b *Subscription) int { return strings.Compare(fmt.Sprint(a.filters), fmt.Sprint(b.filters)) })
				s := all[r.IntN(len(all))]
				for _, f := range s.filters {
					router.remove(f, s)
				}
				delete(m, s)
			default:
				topic := randomTopic(r)
				wantSame(t, topic, router.find(topic, nil), m.find(topic))
			}
		}
		for s := range m {
			for _, f := range s.filters {
				router.remove(f, s)
			}
		}
		if !router.root.empty() || len(router.routes) != 0 || len(router.byID) != 0 {
			t.Fatalf("seed %d: something is left: %+v", seed, router)
		}
	}
}

// Where the broker names the SUBSCRIBE, only its filters count, and only those that match.
func TestRouterByIdentifier(t *testing.T) {
	t.Parallel()
	var router router
	sub := func(id uint32, filters ...string) *Subscription {
		s := &Subscription{id: id, filters: filters}
		for _, f := range filters {
			router.add(f, s)
		}
		return s
	}
	check := func(topic string, ids []uint32, want ...*Subscription) {
		t.Helper()
		set := make(map[*Subscription]bool)
		for _, s := range want {
			set[s] = true
		}
		wantSame(t, topic, router.find(topic, ids), set)
	}
	one := sub(1, "a/#", "b")
	two := sub(2, "a/+")
	three := sub(0, "a/b") // a local one
	check("a/b", []uint32{1}, one)
	check("a/b", []uint32{2}, two)
	check("a/b", []uint32{1, 2}, one, two)
	check("a/b", []uint32{2, 2}, two)
	check("b", []uint32{1}, one)
	check("a/b", nil, one, two, three)
	// Identifiers of an earlier process name other filters: the topic decides.
	check("a/b", []uint32{9}, one, two, three)
	check("a/b/c", []uint32{2}, one)
	check("elsewhere", []uint32{1})
	// A local one with the same filter changes nothing for the broker.
	local := sub(0, "a/+")
	check("a/b", []uint32{2}, two, local)
	router.remove("a/+", local)
	// The same filter again: the broker knows only the new identifier [MQTT-3.8.4-3].
	four := sub(4, "a/+")
	check("a/b", []uint32{4}, two, four)
	check("a/b", []uint32{1}, one)
	router.remove("a/+", four)
	check("a/b", []uint32{4}, two)
	router.remove("a/+", two)
	check("a/b", []uint32{4}, one, three)
}

// Identifiers stay within what the protocol allows.
func TestIdentifiersStartOver(t *testing.T) {
	t.Parallel()
	r := router{nextID: maxIdentifier - 1}
	for _, want := range []uint32{maxIdentifier, 1, 2} {
		if got := r.identifier(); got != want {
			t.Errorf("%d, want %d", got, want)
		}
	}
	p := packet.Subscribe{ID: 1, Filters: []packet.Filter{{Filter: "f"}}, SubscriptionID: maxIdentifier}
	if err := p.Validate(packet.V5, true); err != nil {
		t.Error(err)
	}
}

// The memory for topics is bounded, and what is remembered is right.
func TestRouterCacheIsBounded(t *testing.T) {
	t.Parallel()
	var router router
	s := &Subscription{filters: []string{"#"}}
	router.add("#", s)
	for range 2 {
		for i := range 5000 {
			topic := fmt.Sprintf("t/%d", i)
			if got := router.find(topic, nil); len(got) != 1 || got[0] != s {
				t.Fatalf("%s: %v", topic, got)
			}
			if len(router.cache) > maxCached {
				t.Fatalf("%d topics are remembered", len(router.cache))
			}
		}
	}
}
