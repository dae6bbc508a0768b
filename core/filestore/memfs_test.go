package filestore

import (
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// A memFS is a file system in memory that remembers everything it was told, so that a disk can be made of any moment.
type memFS struct {
	base    *disk
	journal []op

	names map[string]int
	files
	locked map[string]bool
	last   int // inode
	ops    int // all, those that change nothing included

	// fault is asked before each operation. It may shorten a write, which is then made as it is; other operations that
	// are to fail are not made, unless done is true.
	fault func(n int, o *op) (err error, done bool)
}

// newMemFS starts with a disk, as the programs on it see it: with all that is not durable.
func newMemFS(d *disk) *memFS {
	m := &memFS{base: d, names: maps.Clone(d.names), files: d.copy(), locked: map[string]bool{}, last: 1000}
	for inode := range d.data {
		m.last = max(m.last, inode)
	}
	for inode, ops := range d.pending {
		for _, o := range ops {
			m.change(inode, o)
		}
		m.last = max(m.last, inode)
	}
	for _, r := range d.renames {
		r.onNames(m.names)
		m.last = max(m.last, r.inode)
	}
	return m
}

// disk returns the disk after so many entries of the journal.
func (m *memFS) disk(n int) *disk {
	d := m.base.clone()
	for _, o := range m.journal[:n] {
		d.play(o)
	}
	return d
}

// do makes an operation, unless it is to fail.
func (m *memFS) do(o op) error {
	var err error
	done := true
	if m.fault != nil {
		err, done = m.fault(m.ops, &o)
		done = done || err == nil || o.kind == opWrite
	}
	m.ops++
	if !done || o.kind >= opOpen {
		return err
	}
	switch o.kind {
	case opWrite, opTruncate:
		o.data = slices.Clone(o.data)
		m.change(o.inode, o)
	case opCreate, opRename, opRemove:
		o.onNames(m.names)
	}
	m.journal = append(m.journal, o)
	return err
}

func (m *memFS) mkdir(string) error { return nil }

func (m *memFS) open(name string, flag int) (file, error) {
	name = filepath.Base(name)
	if err := m.do(op{kind: opOpen, name: name}); err != nil {
		return nil, err
	}
	inode, ok := m.names[name]
	if !ok {
		if flag&createTruncate == 0 {
			return nil, fs.ErrNotExist
		}
		m.last++
		inode = m.last
		return &memFile{m: m, inode: inode, name: name}, m.do(op{kind: opCreate, name: name, inode: inode})
	}
	f := &memFile{m: m, inode: inode, name: name}
	if flag&createTruncate != 0 {
		return f, f.Truncate(0)
	}
	return f, nil
}

func (m *memFS) rename(from, to string) error {
	return m.do(op{kind: opRename, name: filepath.Base(from), to: filepath.Base(to)})
}

func (m *memFS) remove(name string) error {
	name = filepath.Base(name)
	if _, ok := m.names[name]; !ok {
		return fs.ErrNotExist
	}
	return m.do(op{kind: opRemove, name: name})
}

func (m *memFS) sizes(string) (map[string]int64, error) {
	sizes := map[string]int64{}
	for name, inode := range m.names {
		sizes[name] = int64(len(m.data[inode]))
	}
	return sizes, m.do(op{kind: opList})
}

func (m *memFS) syncDir(string) error { return m.do(op{kind: opSyncDir}) }

func (m *memFS) lock(name string) (io.Closer, error) {
	if m.locked[name] {
		return nil, ErrLocked
	}
	m.locked[name] = true
	return memLock{m, name}, nil
}

// content returns a file.
func (m *memFS) content(name string) []byte { return m.data[m.names[name]] }

// fingerprint is a number that follows from all there is.
func (m *memFS) fingerprint() uint64 {
	sum := uint64(0)
	for name, inode := range m.names {
		sum += uint64(checksum(m.data[inode]))<<32 + uint64(checksum([]byte(name)))
	}
	return sum
}

// saved returns the names of the damaged parts.
func (m *memFS) saved() []string {
	var list []string
	for name := range m.names {
		if strings.HasPrefix(name, savedPrefix) {
			list = append(list, name)
		}
	}
	return list
}

type memLock struct {
	m    *memFS
	name string
}

func (l memLock) Close() error {
	delete(l.m.locked, l.name)
	return nil
}

// A memFile is an open file.
type memFile struct {
	m      *memFS
	inode  int
	name   string
	closed bool
}

func (f *memFile) do(o op) error {
	if f.closed {
		return fs.ErrClosed
	}
	o.inode, o.name = f.inode, f.name
	return f.m.do(o)
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.do(op{kind: opRead, off: off, data: p}); err != nil {
		return 0, err
	}
	data := f.m.data[f.inode]
	if off >= int64(len(data)) {
		return 0, io.EOF
	}
	n := copy(p, data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.do(op{kind: opWrite, off: off, data: p}); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *memFile) Truncate(size int64) error { return f.do(op{kind: opTruncate, off: size}) }

func (f *memFile) Sync() error { return f.do(op{kind: opSync}) }

func (f *memFile) reserve(_, to int64) error { return f.Truncate(to) }

func (f *memFile) size() (int64, error) { return int64(len(f.m.data[f.inode])), nil }

func (f *memFile) Close() error {
	err := f.do(op{kind: opClose})
	f.closed = true
	return err
}
