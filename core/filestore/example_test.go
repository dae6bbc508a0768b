package filestore_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/gneiss-mqtt/gneiss-go/core/filestore"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

func Example() {
	parent, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(parent)
	dir := filepath.Join(parent, "session")

	store, err := filestore.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	err = store.Apply([]mqtt.Change{
		{Key: 1, Value: []byte("is on the disk when Apply returns")},
		{Key: 2, Value: []byte("so is this")},
		{Key: 1}, // deleted
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Close(); err != nil {
		log.Fatal(err)
	}

	store, err = filestore.Open(dir) // after a restart
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	err = store.Load(func(key uint64, value []byte) error {
		fmt.Printf("%d: %s\n", key, value)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// 2: so is this
}

// A device says what it lost.
func ExampleOptions_onDamage() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "session.log"), nil, 0o600); err != nil { // what is left after a power cut
		log.Fatal(err)
	}
	store, err := filestore.Open(dir, func(o *filestore.Options) {
		o.OnDamage = func(d filestore.Damage) {
			if !d.Torn {
				fmt.Printf("session damaged: %s, %d bytes\n", d.Reason, d.Length)
			}
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	fmt.Println(store.Stats().Keys, "keys are left")
	// Output:
	// session damaged: empty file, 0 bytes
	// 0 keys are left
}
