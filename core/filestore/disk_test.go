package filestore

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// An opKind is what a program does to a file system.
type opKind int

const (
	opCreate opKind = iota // name
	opWrite
	opTruncate // size, also to a larger one
	opSync
	opSyncLost // it failed, and what was not durable never will be, although it can be read
	opRename   // name, to
	opRemove   // name
	opSyncDir
	// The rest changes nothing.
	opOpen
	opRead
	opList
	opClose
)

var opNames = [...]string{
	"create", "write", "truncate", "sync", "lost sync", "rename", "remove", "sync dir", "open", "read", "list", "close",
}

func (k opKind) String() string { return opNames[k] }

// An op is one of them.
type op struct {
	kind     opKind
	inode    int
	name, to string
	off      int64 // or size
	data     []byte
}

// A disk is what a crash may find: what is durable, and what happened since, in order.
type disk struct {
	files
	names   map[string]int
	pending map[int][]op
	renames []op // and creations and removals
}

// files are the contents of files. A copy shares them until one of the two changes: most crashes change little.
type files struct {
	data   map[int][]byte
	shared map[int]bool
}

func newFiles() files { return files{map[int][]byte{}, map[int]bool{}} }

func (f *files) copy() files {
	for inode := range f.data {
		f.shared[inode] = true
	}
	return files{maps.Clone(f.data), maps.Clone(f.shared)}
}

// change makes an operation on a file.
func (f *files) change(inode int, o op) {
	if f.shared[inode] {
		f.data[inode] = slices.Clone(f.data[inode])
		delete(f.shared, inode)
	}
	f.data[inode] = o.onto(f.data[inode])
}

func newDisk() *disk {
	return &disk{files: newFiles(), names: map[string]int{}, pending: map[int][]op{}}
}

// diskOf has one durable file.
func diskOf(name string, data []byte) *disk {
	d := newDisk()
	d.data[1], d.names[name] = slices.Clone(data), 1
	return d
}

func (d *disk) clone() *disk {
	c := &disk{files: d.copy(), names: maps.Clone(d.names), pending: map[int][]op{}}
	for inode, ops := range d.pending {
		c.pending[inode] = slices.Clone(ops)
	}
	c.renames = slices.Clone(d.renames)
	return c
}

// play notes an operation.
func (d *disk) play(o op) {
	switch o.kind {
	case opCreate, opRename, opRemove:
		d.renames = append(d.renames, o)
	case opWrite, opTruncate:
		d.pending[o.inode] = append(d.pending[o.inode], o)
	case opSync:
		for _, p := range d.pending[o.inode] {
			d.change(o.inode, p)
		}
		delete(d.pending, o.inode)
	case opSyncLost:
		delete(d.pending, o.inode)
	case opSyncDir:
		for _, r := range d.renames {
			r.onNames(d.names)
		}
		d.renames = nil
	}
}

// onto changes the content of a file.
func (o op) onto(data []byte) []byte {
	if o.kind == opTruncate {
		if n := int(o.off); n < len(data) {
			return data[:n]
		}
		return append(data, make([]byte, int(o.off)-len(data))...)
	}
	if end := int(o.off) + len(o.data); end > len(data) {
		data = append(data, make([]byte, end-len(data))...)
	}
	copy(data[o.off:], o.data)
	return data
}

// onNames changes the content of the folder.
func (o op) onNames(names map[string]int) {
	switch o.kind {
	case opCreate:
		names[o.name] = o.inode
	case opRename:
		if inode, ok := names[o.name]; ok {
			names[o.to] = inode
			delete(names, o.name)
		}
	case opRemove:
		delete(names, o.name)
	}
}

// A loss says what a loss of power does to what is not durable.
type loss int

const (
	loseAll loss = iota
	keepAll
	tear // writes are lost, kept, cut off or full of holes, each by itself; names change up to some point in time
)

// crash returns the disk after a loss of power.
func (d *disk) crash(how loss, rng *rand.Rand) *disk {
	after := d.clone()
	clear(after.pending)
	after.renames = nil
	renames := d.renames
	switch how {
	case loseAll:
		renames = nil
	case tear:
		renames = renames[:rng.IntN(len(renames)+1)]
	}
	for _, r := range renames {
		r.onNames(after.names)
	}
	if how == loseAll {
		return after
	}
	for _, inode := range slices.Sorted(maps.Keys(d.pending)) {
		for _, o := range d.pending[inode] {
			if how == keepAll {
				after.change(inode, o)
				continue
			}
			for _, part := range o.torn(rng) {
				after.change(inode, part)
			}
		}
	}
	return after
}

const sector = 512

// torn returns what is left of an operation.
func (o op) torn(rng *rand.Rand) []op {
	switch rng.IntN(4) {
	case 0:
		return nil
	case 1:
		return []op{o}
	case 2:
		if o.kind == opWrite {
			o.data = o.data[:rng.IntN(len(o.data)+1)]
		}
		return []op{o}
	}
	if o.kind != opWrite {
		return nil
	}
	var parts []op
	for from := 0; from < len(o.data); {
		to := min(from+sector-int(o.off+int64(from))%sector, len(o.data))
		if rng.IntN(2) == 0 {
			parts = append(parts, op{kind: opWrite, off: o.off + int64(from), data: o.data[from:to]})
		}
		from = to
	}
	return parts
}
