package filestore

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
)

// Options are the settings of a store. The zero value is good.
type Options struct {
	// NoSync leaves it to the operating system when changes reach the disk: many times faster, and they survive the
	// process, but after a loss of power the newest are missing, or some of them and not others. What cannot be read
	// anymore is found and reported all the same.
	NoSync bool

	// MinCompact is the size of the file, in bytes, below which it is not compacted, however little of it is in use.
	// 0 means 1 MiB. Above it, the file is compacted when less than half of it is in use.
	MinCompact int64

	// OnDamage is told of every part of the file that cannot be read, when it is found: by [Open], by Load, or by an
	// Apply that compacts. It must not call the store. Nil ignores them; [Store.Stats] counts them.
	OnDamage func(Damage)

	fs    fileSystem    // nil: that of the operating system
	newID func() uint64 // nil: random
	step  int64         // 0: stepBytes
}

const defaultMinCompact = 1 << 20

var errMinCompact = errors.New("filestore: MinCompact is negative")

// withDefaults fills in and checks.
func (o Options) withDefaults() (Options, error) {
	if o.MinCompact < 0 {
		return o, errMinCompact
	}
	if o.MinCompact == 0 {
		o.MinCompact = defaultMinCompact
	}
	if o.OnDamage == nil {
		o.OnDamage = func(Damage) {}
	}
	if o.fs == nil {
		o.fs = osFS{}
	}
	if o.newID == nil {
		o.newID = randomID
	}
	if o.step == 0 {
		o.step = stepBytes
	}
	return o, nil
}

func randomID() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: see its documentation
	return binary.LittleEndian.Uint64(b[:])
}
