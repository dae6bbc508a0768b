// Package filestore keeps the session of an MQTT client in a folder, so that it survives the process and losses of power.
//
//	store, err := filestore.Open("/var/lib/thermostat/session")
//	client, err := mqtt.New(mqtt.Config{Session: store, ...})
//
// A [Store] is an append-only log with a table of contents in memory: per key about 40 bytes, whatever the size of the
// value. [Store.Apply] appends its changes and waits for the disk once, however many they are.
//
// # What survives
//
// After the process or the power has gone at any moment, the store holds the changes of every Apply that returned nil,
// perhaps those of the one that was under way, and nothing in between: an Apply of up to 1 MiB is made as a whole or
// not at all, a longer one up to some change. This needs a disk that keeps what it has confirmed.
//
// # Damage
//
// Checksums cover every byte. A part of the file that cannot be read is copied aside to a file in the same folder,
// named damaged-*, reported to [Options.OnDamage], and left out; everything else is kept. An empty file, one that was
// cut off anywhere, and one that never was a store are no different: the first two lose what is missing, the third is
// moved aside as a whole.
//
// # Space
//
// When less than half of the file is in use and it has reached [Options.MinCompact], what is in use is copied to a new
// file, bit by bit during the following calls of Apply. For that time the disk holds both. Space for the log is taken
// in advance, 64 KiB to 1 MiB of it; that makes waiting for the disk shorter, and lets deletions go on for a while when
// the disk is full. One that is full to the last block leaves no room for the copy either: until somebody makes some, as
// much as is in use, every Apply that needs more fails, and [Stats.CompactError] says why.
//
// # Files
//
// The folder belongs to one store: session.log, session.lock, session.tmp during a compaction, and damaged-*, which may
// be deleted. The lock is one of the operating system, which ends with the process; the file is left behind.
package filestore
