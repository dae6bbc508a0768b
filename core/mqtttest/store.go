package mqtttest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// TestSessionStore tests an implementation of [mqtt.SessionStore]: that keys come back in order, that changes are made in
// order and survive Close, that values of any size are kept and never shared with the caller, and so on. Each subtest
// opens stores in an empty folder of its own, one after another; a store opened in a folder for the second time must
// find what was there when it was closed. Open ends the test with t.Fatal if it fails.
//
// It cannot test what happens when the power fails. A subtest takes milliseconds, or as long as the store waits for the
// disk in about 300 calls of Apply.
func TestSessionStore(t *testing.T, open func(t *testing.T, dir string) mqtt.SessionStore) {
	for _, check := range storeChecks {
		t.Run(check.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := check.run(func() mqtt.SessionStore { return open(t, dir) }); err != nil {
				t.Error(err)
			}
		})
	}
}

// A storeCheck is one rule. Run gets a function that opens the same store each time, and closes each before the next.
// It returns what is wrong, so that the checks can be tried on stores that are known to be.
type storeCheck struct {
	name string
	run  func(open func() mqtt.SessionStore) error
}

// A pair is what Load says of one key.
type pair struct {
	key   uint64
	value string
}

// String shortens long values.
func (p pair) String() string {
	if len(p.value) > 20 {
		return fmt.Sprintf("%d: %q... (%d bytes)", p.key, p.value[:20], len(p.value))
	}
	return fmt.Sprintf("%d: %q", p.key, p.value)
}

// put and del are changes.
func put(key uint64, value string) mqtt.Change { return mqtt.Change{Key: key, Value: []byte(value)} }
func del(key uint64) mqtt.Change               { return mqtt.Change{Key: key} }

// holds compares what Load says with pairs in ascending order.
func holds(s mqtt.SessionStore, want ...pair) error {
	var got []pair
	err := s.Load(func(key uint64, value []byte) error {
		got = append(got, pair{key, string(value)})
		return nil
	})
	if err != nil {
		return fmt.Errorf("the store: Load: %w", err)
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Errorf("entry %d is %v, want %v", i, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d entries, want %d: %v, want %v", len(got), len(want), shown(got), shown(want))
	}
	return nil
}

// shown is the beginning of a list.
func shown(list []pair) []pair { return list[:min(len(list), 10)] }

// apply makes changes in one batch.
func apply(s mqtt.SessionStore, changes ...mqtt.Change) error {
	if err := s.Apply(changes); err != nil {
		return fmt.Errorf("the store: Apply: %w", err)
	}
	return nil
}

// script applies batches, each by itself, and compares what is there afterwards: at once, and in a store opened anew.
func script(open func() mqtt.SessionStore, batches [][]mqtt.Change, want ...pair) error {
	s := open()
	for _, b := range batches {
		if err := apply(s, slices.Clone(b)...); err != nil {
			return err
		}
	}
	if err := holds(s, want...); err != nil {
		return err
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

// reopen closes a store and opens it again.
func reopen(s mqtt.SessionStore, open func() mqtt.SessionStore) (mqtt.SessionStore, error) {
	if err := closeStore(s); err != nil {
		return nil, err
	}
	return open(), nil
}

func closeStore(s mqtt.SessionStore) error {
	if err := s.Close(); err != nil {
		return fmt.Errorf("the store: Close: %w", err)
	}
	return nil
}
