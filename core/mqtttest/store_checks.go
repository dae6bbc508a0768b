package mqtttest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

var storeChecks = []storeCheck{
	{"Empty", checkEmpty},
	{"Order", checkOrder},
	{"Overwrite", checkOverwrite},
	{"Delete", checkDelete},
	{"EmptyValue", checkEmptyValue},
	{"RepeatedKeys", checkRepeatedKeys},
	{"LargeValues", checkLargeValues},
	{"ManyKeys", checkManyKeys},
	{"Reopen", checkReopen},
	{"YieldError", checkYieldError},
	{"Aliasing", checkAliasing},
	{"Closed", checkClosed},
	{"Random", checkRandom},
}

// A store without keys, and an Apply without changes.
func checkEmpty(open func() mqtt.SessionStore) error {
	return script(open, [][]mqtt.Change{nil, {}})
}

// Keys are numbers, not text, and all 64 bits count.
func checkOrder(open func() mqtt.SessionStore) error {
	keys := []uint64{300, 2, math.MaxUint64, 1 << 63, 256, 0, 1<<32 + 1, 255, 10, 1<<63 - 1, 1 << 32, 1, 9}
	var batches [][]mqtt.Change
	var want []pair
	for _, key := range keys {
		value := fmt.Sprint("v", key)
		batches = append(batches, []mqtt.Change{put(key, value)})
		want = append(want, pair{key, value})
	}
	slices.SortFunc(want, func(a, b pair) int { return cmp.Compare(a.key, b.key) })
	return script(open, batches, want...)
}

// The last value of a key counts, be it shorter or longer.
func checkOverwrite(open func() mqtt.SessionStore) error {
	return script(open, [][]mqtt.Change{
		{put(1, "first"), put(2, "second"), put(3, "third")},
		{put(1, "a much longer value"), put(2, "s")},
		{put(2, "other")},
	}, pair{1, "a much longer value"}, pair{2, "other"}, pair{3, "third"})
}

// Nil deletes; what is not there can be deleted too, and what was deleted can come back.
func checkDelete(open func() mqtt.SessionStore) error {
	return script(open, [][]mqtt.Change{
		{del(7)},
		{put(1, "one"), put(2, "two"), put(3, "three")},
		{del(1), del(3), del(4)},
		{del(1)},
		{put(3, "again")},
	}, pair{2, "two"}, pair{3, "again"})
}

// An empty value is not a deletion.
func checkEmptyValue(open func() mqtt.SessionStore) error {
	return script(open, [][]mqtt.Change{
		{put(1, ""), put(2, "two"), put(3, "")},
		{put(2, ""), del(3)},
	}, pair{1, ""}, pair{2, ""})
}

// Changes are made in order, within a batch too.
func checkRepeatedKeys(open func() mqtt.SessionStore) error {
	return script(open, [][]mqtt.Change{
		{put(1, "a"), put(1, "b"), put(1, "c")},
		{put(2, "a"), del(2)},
		{put(3, "a")},
		{del(3), put(3, "b"), put(4, "a"), del(4), put(4, "b"), del(4), put(4, "c")},
		{put(5, "a"), put(6, "a"), put(5, "b"), del(6)},
	}, pair{1, "c"}, pair{3, "b"}, pair{4, "c"}, pair{5, "b"})
}

// Values have any size. All bytes are kept.
func checkLargeValues(open func() mqtt.SessionStore) error {
	rng := rand.NewChaCha8([32]byte{1})
	value := func(n int) string {
		b := make([]byte, n)
		_, _ = rng.Read(b)
		return string(b)
	}
	var every strings.Builder
	for i := range 256 {
		every.WriteByte(byte(i))
	}
	large, huge, other := value(1<<20+1), value(5<<20), value(3<<20)
	pages := []pair{{10, value(4095)}, {11, value(4096)}, {12, value(4097)}, {13, value(65535)}, {14, value(65536)}}
	batches := [][]mqtt.Change{
		{put(1, "before"), put(2, large), put(3, "between"), put(4, huge), put(5, every.String())},
		{put(4, other), put(2, "small again")},
	}
	want := []pair{{1, "before"}, {2, "small again"}, {3, "between"}, {4, other}, {5, every.String()}}
	for _, p := range pages {
		batches[0] = append(batches[0], put(p.key, p.value))
	}
	return script(open, batches, append(want, pages...)...)
}

// Thousands of keys, in one batch and in many.
func checkManyKeys(open func() mqtt.SessionStore) error {
	const n = 5000
	var batches [][]mqtt.Change
	var all []mqtt.Change
	for i := range uint64(n) {
		all = append(all, put(i*7919%n, fmt.Sprint("first ", i*7919%n)))
	}
	batches = append(batches, all)
	for first := range uint64(20) {
		var some []mqtt.Change
		for key := first; key < n; key += 20 {
			switch key % 3 {
			case 0:
				some = append(some, del(key))
			case 1:
				some = append(some, put(key, fmt.Sprint("second ", key)))
			}
		}
		batches = append(batches, some)
	}
	var want []pair
	for key := range uint64(n) {
		switch key % 3 {
		case 1:
			want = append(want, pair{key, fmt.Sprint("second ", key)})
		case 2:
			want = append(want, pair{key, fmt.Sprint("first ", key)})
		}
	}
	return script(open, batches, want...)
}

// What one life of the store leaves, the next one finds and goes on with.
func checkReopen(open func() mqtt.SessionStore) error {
	var left []pair
	for life := range uint64(8) {
		s := open()
		if err := holds(s, left...); err != nil {
			return fmt.Errorf("life %d: %w", life, err)
		}
		left = nil
		for key := range life {
			left = append(left, pair{key, "old"})
		}
		left = append(left, pair{life, "new"}, pair{100, fmt.Sprint(life)})
		if life > 0 {
			if err := apply(s, put(life-1, "old")); err != nil {
				return err
			}
		}
		if err := apply(s, put(life, "new"), put(100, fmt.Sprint(life))); err != nil {
			return err
		}
		if err := closeStore(s); err != nil {
			return err
		}
	}
	return nil
}

// Load stops at the first error of yield and returns it; the store works on.
func checkYieldError(open func() mqtt.SessionStore) error {
	s := open()
	if err := apply(s, put(1, "one"), put(2, "two"), put(3, "three")); err != nil {
		return err
	}
	stop := errors.New("stop")
	var seen []uint64
	err := s.Load(func(key uint64, _ []byte) error {
		seen = append(seen, key)
		if key == 2 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) {
		return fmt.Errorf("the store: Load returned %v, want the error of yield", err)
	}
	if !slices.Equal(seen, []uint64{1, 2}) {
		return fmt.Errorf("the store: Load called yield for keys %v, want 1 and 2", seen)
	}
	if err := apply(s, put(4, "four")); err != nil {
		return err
	}
	if err := holds(s, pair{1, "one"}, pair{2, "two"}, pair{3, "three"}, pair{4, "four"}); err != nil {
		return err
	}
	return closeStore(s)
}

// The store keeps no slice it was given.
func checkAliasing(open func() mqtt.SessionStore) error {
	s := open()
	small, large := []byte("value"), bytes.Repeat([]byte("large"), 100_000)
	want := []pair{{1, string(small)}, {2, string(large)}}
	changes := []mqtt.Change{{Key: 1, Value: small}, {Key: 2, Value: large}}
	if err := s.Apply(changes); err != nil {
		return fmt.Errorf("the store: Apply: %w", err)
	}
	if string(changes[0].Value) != want[0].value || string(changes[1].Value) != want[1].value || changes[0].Key != 1 {
		return errors.New("the store: Apply changed its argument")
	}
	clear(small)
	clear(large)
	clear(changes)
	if err := holds(s, want...); err != nil {
		return fmt.Errorf("values overwritten by the caller: %w", err)
	}
	s, err := reopen(s, open)
	if err != nil {
		return err
	}
	if err := holds(s, want...); err != nil {
		return fmt.Errorf("reopened: %w", err)
	}
	return closeStore(s)
}

// A closed store refuses, and changes nothing.
func checkClosed(open func() mqtt.SessionStore) error {
	s := open()
	if err := apply(s, put(1, "one")); err != nil {
		return err
	}
	if err := closeStore(s); err != nil {
		return err
	}
	if s.Apply([]mqtt.Change{put(2, "two")}) == nil {
		return errors.New("the store: Apply after Close returned no error")
	}
	if s.Load(func(uint64, []byte) error { return nil }) == nil {
		return errors.New("the store: Load after Close returned no error")
	}
	s = open()
	if err := holds(s, pair{1, "one"}); err != nil {
		return fmt.Errorf("reopened: %w", err)
	}
	return closeStore(s)
}

// A long run of changes of every kind, compared with a map.
func checkRandom(open func() mqtt.SessionStore) error {
	rng := rand.New(rand.NewPCG(1, 2))
	model := map[uint64]string{}
	s := open()
	for step := range 250 {
		var changes []mqtt.Change
		for range 1 + rng.IntN(1<<rng.IntN(7)) {
			key := rng.Uint64N(200)
			if rng.IntN(3) == 0 {
				changes = append(changes, del(key))
				delete(model, key)
				continue
			}
			value := strings.Repeat(string(rune('a'+step%26)), rng.IntN(1<<rng.IntN(12)))
			changes = append(changes, put(key, value))
			model[key] = value
		}
		if err := apply(s, changes...); err != nil {
			return err
		}
		if step%50 == 49 {
			var err error
			if s, err = reopen(s, open); err != nil {
				return err
			}
		}
		if step%25 == 24 {
			var want []pair
			for _, key := range slices.Sorted(maps.Keys(model)) {
				want = append(want, pair{key, model[key]})
			}
			if err := holds(s, want...); err != nil {
				return fmt.Errorf("step %d: %w", step, err)
			}
		}
	}
	return closeStore(s)
}
