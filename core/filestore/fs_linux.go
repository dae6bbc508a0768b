package filestore

import (
	"errors"
	"os"
	"syscall"
)

// An osFile is a file of which only content and length need to be durable.
type osFile struct {
	*os.File
	raw  syscall.RawConn
	sync func(fd uintptr) // made once, so that Sync does not allocate
	err  error            // of sync
}

func newFile(f *os.File) (file, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	o := &osFile{File: f, raw: raw}
	o.sync = func(fd uintptr) {
		o.err = syscall.EINTR
		for errors.Is(o.err, syscall.EINTR) {
			o.err = syscall.Fdatasync(int(fd))
		}
	}
	return o, nil
}

// Sync is fdatasync.
func (o *osFile) Sync() error {
	if err := o.raw.Control(o.sync); err != nil {
		return err
	}
	return o.err
}

func (o *osFile) size() (int64, error) { return sizeOf(o.File) }

// reserve takes the space at once: deletions are appended too, and must go on for a while when the disk is full.
func (o *osFile) reserve(from, to int64) error {
	var err error
	closed := o.raw.Control(func(fd uintptr) { err = syscall.Fallocate(int(fd), 0, from, to-from) })
	if closed != nil {
		return closed
	}
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return o.Truncate(to)
	}
	return err
}
