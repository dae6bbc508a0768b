//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package boltstore

import (
	"errors"
	"os"
	"syscall"
)

// release closes the file of a database that cannot be closed any more. Its memory map, which stays, would keep the lock.
func release(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
	return errors.Join(err, f.Close())
}
