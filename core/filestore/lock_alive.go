//go:build !plan9 && (gneiss_lockfile || !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows))

package filestore

import (
	"errors"
	"os"
	"syscall"
)

// alive reports whether there is such a process, or may be.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	err = p.Signal(syscall.Signal(0))
	return !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH)
}
