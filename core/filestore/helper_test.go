package filestore

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

const createTruncate = os.O_CREATE | os.O_TRUNC

// A state is what a store holds.
type state map[uint64]string

// with returns the state after changes.
func (s state) with(changes []mqtt.Change) state {
	s = maps.Clone(s)
	if s == nil {
		s = state{}
	}
	for _, c := range changes {
		if c.Value == nil {
			delete(s, c.Key)
		} else {
			s[c.Key] = string(c.Value)
		}
	}
	return s
}

// load returns what a store holds, and fails if keys do not ascend.
func load(s *Store) (state, error) {
	got := state{}
	last, first := uint64(0), true
	err := s.Load(func(key uint64, value []byte) error {
		if !first && key <= last {
			return fmt.Errorf("key %d after %d", key, last)
		}
		last, first = key, false
		got[key] = string(value)
		return nil
	})
	return got, err
}

func mustLoad(t *testing.T, s *Store) state {
	t.Helper()
	got, err := load(s)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// holds fails the test unless the store holds want.
func holds(t *testing.T, s *Store, want state) {
	t.Helper()
	if got := mustLoad(t, s); !maps.Equal(got, want) {
		t.Fatalf("store holds %s, want %s", got, want)
	}
}

// String shortens values.
func (s state) String() string {
	var b bytes.Buffer
	for key, value := range s {
		fmt.Fprintf(&b, " %d:%.10q(%d)", key, value, len(value))
	}
	return b.String()
}

// openOn opens a store in a file system, with ids that follow from what is there, and so are never the same again.
func openOn(m *memFS, optFns ...func(*Options)) (*Store, error) {
	ids := rand.New(rand.NewPCG(7, m.fingerprint()))
	return Open("dir", append([]func(*Options){func(o *Options) {
		o.fs = m
		o.newID = ids.Uint64
	}}, optFns...)...)
}

func mustOpen(t *testing.T, m *memFS, optFns ...func(*Options)) *Store {
	t.Helper()
	s, err := openOn(m, optFns...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustApply(t *testing.T, s *Store, changes ...mqtt.Change) {
	t.Helper()
	if err := s.Apply(changes); err != nil {
		t.Fatal(err)
	}
}

func mustClose(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func put(key uint64, value string) mqtt.Change { return mqtt.Change{Key: key, Value: []byte(value)} }
func del(key uint64) mqtt.Change               { return mqtt.Change{Key: key} }

// compactAt makes a store compact early, in small steps.
func compactAt(n int64) func(*Options) {
	return func(o *Options) { o.MinCompact, o.step = n, 1 }
}

// collect appends what is reported to a list.
func collect(list *[]Damage) func(*Options) {
	return func(o *Options) { o.OnDamage = func(d Damage) { *list = append(*list, d) } }
}

// randomBatch returns changes to a few keys.
func randomBatch(rng *rand.Rand, keys uint64, longest int) []mqtt.Change {
	var changes []mqtt.Change
	for range 1 + rng.IntN(1<<rng.IntN(5)) {
		key := rng.Uint64N(keys)
		if rng.IntN(3) == 0 {
			changes = append(changes, del(key))
			continue
		}
		value := bytes.Repeat([]byte{byte(rng.Uint32())}, rng.IntN(1+rng.IntN(longest)))
		for i := range value {
			value[i] += byte(i)
		}
		changes = append(changes, mqtt.Change{Key: key, Value: value})
	}
	return changes
}
