//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package statedir

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// lock takes a lock that belongs to the open file, so that it ends with the process at the latest.
func lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, err
	}
	return unlocker{f}, nil
}

type unlocker struct{ f *os.File }

// Close unlocks first: a child process that is just being started has the file open, too, for a moment.
func (u unlocker) Close() error {
	return errors.Join(syscall.Flock(int(u.f.Fd()), syscall.LOCK_UN), u.f.Close())
}
