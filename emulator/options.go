package emulator

import (
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/memnet"
)

// Options says where the emulator listens and what it allows. The zero value listens on a free TCP port of 127.0.0.1
// and accepts everyone.
type Options struct {
	// Addr is the TCP address, such as "127.0.0.1:1883". Empty means a free port of 127.0.0.1 where no other listener is
	// asked for, and no TCP otherwise.
	Addr string
	// TLSAddr is the address for TLS; empty means none. The certificate is for localhost, 127.0.0.1 and ::1 and signed by
	// the server's own authority, [Server.ClientTLS] knows it.
	TLSAddr string
	// RequireClientCert refuses TLS clients without a certificate of the server's authority. Without it a certificate
	// is verified where there is one.
	RequireClientCert bool
	// Mem and MemAddr are an in-memory network and the address on it; nil means none. An empty MemAddr means "broker".
	Mem     *memnet.Network
	MemAddr string
	// AllowRemote permits addresses that are not loopback.
	AllowRemote bool

	// Limits and Hooks are the profile: what is allowed, announced and decided. See package broker for the defaults.
	// Hooks run while the server is locked: they must not wait, nor call the server.
	Limits broker.Limits
	Hooks  broker.Hooks

	// OnEvent is told the events of the kinds in Events, one after the other on a goroutine of its own; nil means
	// nobody. When it is slower than the server, events beyond the 65,536 that wait are dropped and counted.
	OnEvent func(broker.Event)
	// Events is the set of kinds for OnEvent; 0 means all.
	Events broker.EventKind
	// Logger gets connections and their ends at info level, on the same goroutine; nil discards. No payload, password or
	// user name is logged.
	Logger *slog.Logger
	// Seed makes assigned client identifiers repeatable; 0 means random ones.
	Seed uint64
}

// checkLoopback refuses an address that others can reach.
func checkLoopback(addr string, allow bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("emulator: address %q: %w", addr, err)
	}
	if allow || host == "localhost" {
		return nil
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("emulator: address %q: %w", addr, ErrNotLoopback)
	}
	return nil
}

// ErrNotLoopback refuses to listen where other machines could connect without [Options.AllowRemote].
var ErrNotLoopback = errors.New("not a loopback address, which Options.AllowRemote would permit")

// ErrClosed is returned by a server that was closed, or killed and not restarted.
var ErrClosed = errors.New("emulator: the server is not running")
