//go:build unix

package boltstore_test

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	boltstore "github.com/gneiss-mqtt/gneiss-go/stores/bolt"
)

// What bbolt refuses leaves everything as it was.
func TestApplyIsOneTransaction(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "session.db"))
	mustApply(t, s, put(1, "one"))
	huge, err := syscall.Mmap(-1, 0, bolt.MaxValueSize+1, syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE) // addresses without memory
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(huge)
	err = s.Apply([]mqtt.Change{put(1, "changed"), put(2, "two"), {Key: 3, Value: huge}})
	if _, ok := errors.AsType[*boltstore.Error](err); !ok || !errors.Is(err, berrors.ErrValueTooLarge) {
		t.Fatalf("Apply returned %v", err)
	}
	err = s.Load(func(key uint64, value []byte) error {
		if key != 1 || string(value) != "one" {
			t.Errorf("key %d has %q", key, value)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
