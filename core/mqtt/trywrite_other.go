//go:build !unix

package mqtt

import "net"

// tryWriter: this system has no write that does not wait.
func tryWriter(net.Conn) func([]byte) int { return nil }
