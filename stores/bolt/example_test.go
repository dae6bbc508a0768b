package boltstore_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	boltstore "github.com/gneiss-mqtt/gneiss-go/stores/bolt"
)

func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "session.db")

	store, err := boltstore.Open(path)
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

	store, err = boltstore.Open(path) // after a restart
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
