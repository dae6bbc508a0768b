//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package boltstore

import "os"

// release closes the file of a database that cannot be closed any more. Its memory map stays, and on some systems, until
// the process ends, the lock.
func release(f *os.File) error { return f.Close() }
