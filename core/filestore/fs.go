package filestore

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A fileSystem is what the store needs of one. Tests put one underneath that loses power.
type fileSystem interface {
	// mkdir makes a folder, and what is missing above it, readable by the owner alone.
	mkdir(dir string) error
	// open opens a file for reading and writing. Flags are os.O_CREATE and os.O_TRUNC.
	open(name string, flag int) (file, error)
	rename(from, to string) error
	remove(name string) error
	// sizes returns the files of a folder.
	sizes(dir string) (map[string]int64, error)
	// syncDir makes the names in a folder durable.
	syncDir(dir string) error
	// lock takes a lock that ends with the process, or returns ErrLocked.
	lock(name string) (io.Closer, error)
}

// A file is an open one.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	// Sync makes the content durable, and of the rest what is needed to read it.
	Sync() error
	size() (int64, error)
	// reserve makes the file longer with zeros, and takes the space on the disk where it can. A write within the
	// length of a file becomes durable faster than one that makes it longer.
	reserve(from, to int64) error
}

// osFS is the file system of the operating system.
type osFS struct{}

func (f osFS) mkdir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := f.mkdir(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	_ = syncDir(parent) // which may belong to somebody else, who does not let us read it
	return nil
}

func (osFS) open(name string, flag int) (file, error) {
	f, err := os.OpenFile(name, os.O_RDWR|flag, 0o600)
	if err != nil {
		return nil, err
	}
	return newFile(f)
}

func (osFS) rename(from, to string) error { return os.Rename(from, to) }

func (osFS) remove(name string) error { return os.Remove(name) }

func (osFS) sizes(dir string) (map[string]int64, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	sizes := make(map[string]int64, len(list))
	for _, e := range list {
		if info, err := e.Info(); err == nil {
			sizes[e.Name()] = info.Size()
		}
	}
	return sizes, nil
}

func (osFS) syncDir(dir string) error { return syncDir(dir) }

func (osFS) lock(name string) (io.Closer, error) { return lock(name) }

// sizeOf is the size of an open file.
func sizeOf(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
