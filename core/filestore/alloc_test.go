package filestore

import (
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// In a steady state, keys coming and going, Apply allocates nothing.
func TestApplyDoesNotAllocate(t *testing.T) {
	for _, noSync := range []bool{true, false} {
		s, err := Open(t.TempDir(), func(o *Options) { o.NoSync, o.MinCompact = noSync, 1<<40 })
		if err != nil {
			t.Fatal(err)
		}
		key := uint64(0)
		value := make([]byte, 100)
		changes := make([]mqtt.Change, 100)
		apply := func() {
			for i := range 50 {
				changes[2*i] = mqtt.Change{Key: key + 500, Value: value}
				changes[2*i+1] = mqtt.Change{Key: key}
				key++
			}
			if err := s.Apply(changes); err != nil {
				t.Fatal(err)
			}
		}
		for range 50 {
			apply()
		}
		// The map that is the table makes itself anew now and then, which is less than one allocation for a call.
		if n := testing.AllocsPerRun(200, apply); n > 0 {
			t.Errorf("%v allocations for each Apply of %d changes", n, len(changes))
		}
		mustClose(t, s)
	}
}
