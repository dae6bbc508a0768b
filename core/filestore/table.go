package filestore

// A table knows where the values are.
type table struct {
	at   map[uint64]location
	live int64 // bytes that their records take
}

// A location says where a value is, and what it must be: a file is read long after it was checked.
type location struct {
	off int64
	n   uint32
	crc uint32
}

func newTable() table { return table{at: map[uint64]location{}} }

// put notes where the value of a key is.
func (t *table) put(key uint64, at location) {
	t.forget(key)
	t.at[key] = at
	t.live += at.size(key)
}

// forget drops a key.
func (t *table) forget(key uint64) {
	if at, ok := t.at[key]; ok {
		delete(t.at, key)
		t.live -= at.size(key)
	}
}

// size is what the record takes.
func (l location) size(key uint64) int64 { return recordSize(key, int(l.n)) }
