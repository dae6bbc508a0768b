package boltstore_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/filestore"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	boltstore "github.com/gneiss-mqtt/gneiss-go/stores/bolt"
)

// The stores that are compared.
var stores = []struct {
	name string
	open func(dir string, noSync bool) (mqtt.SessionStore, error)
}{
	{"file", func(dir string, noSync bool) (mqtt.SessionStore, error) {
		return filestore.Open(dir, func(o *filestore.Options) { o.NoSync = noSync })
	}},
	{"bolt", func(dir string, noSync bool) (mqtt.SessionStore, error) {
		return boltstore.Open(filepath.Join(dir, "session.db"), func(o *boltstore.Options) { o.NoSync = noSync })
	}},
}

// BenchmarkApply measures what a client does to its store: messages of 100 bytes are put and, 1,000 changes later,
// deleted, in batches of various sizes, each durable when Apply returns. Without sync, what remains is the work of the
// processor.
func BenchmarkApply(b *testing.B) {
	for _, noSync := range []bool{false, true} {
		for _, batch := range []int{1, 10, 100, 1000} {
			for _, st := range stores {
				b.Run(fmt.Sprintf("sync=%t/batch=%d/store=%s", !noSync, batch, st.name), func(b *testing.B) {
					s, err := st.open(b.TempDir(), noSync)
					if err != nil {
						b.Fatal(err)
					}
					defer s.Close()
					measure(b, s, batch)
				})
			}
		}
	}
}

func measure(b *testing.B, s mqtt.SessionStore, batch int) {
	const behind = 500
	value := make([]byte, 100)
	changes := make([]mqtt.Change, batch)
	n := uint64(0)
	for range behind {
		if err := s.Apply([]mqtt.Change{{Key: n / 2, Value: value}}); err != nil {
			b.Fatal(err)
		}
		n += 2
	}
	b.ReportAllocs()
	for b.Loop() {
		for i := range changes {
			if n%2 == 0 {
				changes[i] = mqtt.Change{Key: n / 2, Value: value}
			} else {
				changes[i] = mqtt.Change{Key: n/2 - behind}
			}
			n++
		}
		if err := s.Apply(changes); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(batch), "ns/change")
}
