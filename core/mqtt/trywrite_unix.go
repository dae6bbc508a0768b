//go:build unix

package mqtt

import (
	"errors"
	"net"
	"syscall"
)

// tryWriter returns a function that makes one write without waiting, for transports that are bare sockets. TLS and
// WebSocket have no such write: their records must be whole.
func tryWriter(conn net.Conn) func([]byte) int {
	var raw syscall.RawConn
	var err error
	switch s := conn.(type) {
	case *net.TCPConn:
		raw, err = s.SyscallConn()
	case *net.UnixConn:
		raw, err = s.SyscallConn()
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	var p []byte // the one writer at a time owns it
	var n int
	once := func(fd uintptr) bool {
		for {
			var err error
			if n, err = syscall.Write(int(fd), p); !errors.Is(err, syscall.EINTR) {
				return true // an error shows again when the rest is written
			}
		}
	}
	return func(buf []byte) int {
		p, n = buf, 0
		_ = raw.Write(once)
		p = nil
		return max(n, 0)
	}
}
