// Package statedir keeps small files of state: each is there as it was before a write or after it, whatever happens in
// between, only its owner may read it, and one server at a time has the directory.
package statedir

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrLocked says that somebody else has the directory.
var ErrLocked = errors.New("another server has it")

// Dir is a directory of state. It knows what it has written, and writes only what has changed. It is for one goroutine at
// a time.
type Dir struct {
	path string
	last map[string][]byte
	lock io.Closer
}

// lockName is the file that says whose the directory is. It stays: who removed it could remove one that somebody else has
// just locked.
const lockName = "lock"

// unfinished is the end of the names of files that are not complete.
const unfinished = ".tmp"

// tidy removes what a crash has left behind.
func (d *Dir) tidy() error {
	list, err := os.ReadDir(d.path)
	if err != nil {
		return fmt.Errorf("emulator: state: %w", err)
	}
	for _, e := range list {
		if e.Type().IsRegular() && strings.HasSuffix(e.Name(), unfinished) {
			_ = os.Remove(filepath.Join(d.path, e.Name())) // it does no harm either
		}
	}
	return nil
}

// maxFile is the largest file that is read.
const maxFile = 1 << 30

// Open makes the directory where it does not exist. Of a directory that is open, in this process or another one, the error
// is [ErrLocked], where the system has such locks.
func Open(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("emulator: state: %w", err)
	}
	l, err := lock(filepath.Join(path, lockName))
	if err != nil {
		return nil, fmt.Errorf("emulator: state: %s: %w", path, err)
	}
	d := &Dir{path, map[string][]byte{}, l}
	if err := d.tidy(); err != nil {
		_ = d.Close()
		return nil, err
	}
	return d, nil
}

// Close leaves the directory to somebody else.
func (d *Dir) Close() error { return d.lock.Close() }

// Read returns the content of a file; nil where there is none.
func (d *Dir) Read(name string) ([]byte, error) {
	f, err := os.Open(filepath.Join(d.path, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("emulator: state: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("emulator: state: %w", err)
	case len(data) > maxFile:
		return nil, fmt.Errorf("emulator: state: %s is larger than %d bytes", f.Name(), maxFile)
	}
	d.last[name] = data
	return data, nil
}

// Write replaces the content of a file, unless it is that already.
func (d *Dir) Write(name string, data []byte) error {
	if old, known := d.last[name]; known && bytes.Equal(old, data) {
		return nil
	}
	if err := d.replace(name, data); err != nil {
		return fmt.Errorf("emulator: state: %w", err)
	}
	d.last[name] = data
	return nil
}

// replace writes a file beside the old one, and puts it in its place when it is complete and on disk.
func (d *Dir) replace(name string, data []byte) (err error) {
	f, err := os.CreateTemp(d.path, name+".*"+unfinished) // for its owner only
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), filepath.Join(d.path, name)); err != nil {
		return err
	}
	return d.sync()
}

// sync makes a rename durable, where the system can.
func (d *Dir) sync() error {
	f, err := os.Open(d.path)
	if err != nil {
		return err
	}
	defer f.Close()
	_ = f.Sync() // some systems have no such thing for directories
	return nil
}
