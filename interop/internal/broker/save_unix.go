//go:build unix

package broker

import (
	"os"
	"syscall"
)

// save makes Mosquitto write its database.
func save(p *os.Process) error { return p.Signal(syscall.SIGUSR1) }
