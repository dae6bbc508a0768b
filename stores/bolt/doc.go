// Package boltstore keeps the session of an MQTT client in a bbolt database, for programs that use bbolt anyway, or want
// to look at a session with its tools.
//
//	store, err := boltstore.Open("/var/lib/thermostat/session.db")
//	client, err := mqtt.New(mqtt.Config{Session: store, ...})
//
// Keys and values are in one bucket, "session": keys as 8 bytes, big endian, values as they are. Each [Store.Apply] is
// one transaction, made as a whole or not at all.
//
// Package [github.com/gneiss-mqtt/gneiss-go/core/filestore] needs no other module, waits for the disk once where bbolt
// waits twice, and mends damaged files. Bbolt has no checksums but on its two meta pages: it reports a damaged file when
// it stumbles over the damage, then in full, or reads the wrong bytes. Nothing here mends that.
//
// How fast a durable client is depends on how many messages share a wait for the disk. The benchmarks of this package
// compare both stores on the disk in question:
//
//	TMPDIR=. go test ./stores/bolt -run '^$' -bench Publish    a client, from the call to the acknowledgement
//	TMPDIR=. go test ./stores/bolt -run '^$' -bench Apply      the store alone
package boltstore
