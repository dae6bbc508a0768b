//go:build unix

package filestore_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/filestore"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// What is too large is refused before anything is looked at.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	huge, err := syscall.Mmap(-1, 0, filestore.MaxValue+1, syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE) // addresses without memory
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(huge)
	s := open(t, t.TempDir())
	if err := s.Apply([]mqtt.Change{put(1, "one"), {Key: 2, Value: huge}}); !errors.Is(err, filestore.ErrTooLarge) {
		t.Fatalf("Apply returned %v", err)
	}
	if got := load(t, s); len(got) > 0 {
		t.Errorf("a part was made: %v", got)
	}
}
