//go:build gneiss_lockfile || !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package filestore

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// Where the system has no lock that ends with the process, the lock is a file that holds the number of the process. One
// whose process is gone is taken over. Two processes that find the same stale file at the same moment may both believe
// that they have taken it over; the tag gneiss_lockfile selects this lock for tests.

// held are the locks of this process.
var held sync.Map

// A lockFile is one of them.
type lockFile string

func lock(name string) (io.Closer, error) {
	name, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	if _, ours := held.LoadOrStore(name, true); ours {
		return nil, ErrLocked
	}
	if err := takeLockFile(name); err != nil {
		held.Delete(name)
		return nil, err
	}
	return lockFile(name), nil
}

// Close gives the lock back.
func (l lockFile) Close() error {
	defer held.Delete(string(l))
	return os.Remove(string(l))
}

func takeLockFile(name string) error {
	own := []byte(strconv.Itoa(os.Getpid()))
	err := writeLockFile(name, own)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	found, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	// A file without a number was left by a process that ended before it wrote one. So was one with our own number,
	// since this process does not hold the lock: the numbers start again with the machine.
	if pid, err := strconv.Atoi(string(bytes.TrimSpace(found))); err == nil && pid != os.Getpid() && alive(pid) {
		return ErrLocked
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeLockFile(name, own); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return ErrLocked // somebody was faster
}

func writeLockFile(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
