package broker

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// The ports are below those that systems give to outgoing connections: while a broker is down nobody takes its port by
// accident, least of all the client that tries to reach it.
const (
	firstPort = 20_000
	lastPort  = 32_000
)

var given sync.Map // ports, so that no two brokers of this process get the same

// freeAddress returns a loopback address on which nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 200 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return address
	}
	t.Fatal("no free loopback port")
	return ""
}
