//go:build (darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd) && !gneiss_lockfile

package filestore

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// lock takes a lock that belongs to the open file, and so ends with the process at the latest. The file stays: who
// removes it could remove one that somebody else has just locked.
func lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err == nil {
		return flocked{f}, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrLocked
	}
	return nil, err
}

// A flocked is a locked file.
type flocked struct{ *os.File }

// Close unlocks before it closes: a child process that is just being started has the file open, too, for a moment.
func (f flocked) Close() error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
	return errors.Join(err, f.File.Close())
}
