package emulator

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
	"github.com/gneiss-mqtt/gneiss-go/emulator/memnet"
)

// Profile is the service that the emulator stands for.
type Profile int

// The profiles.
const (
	// AWS is AWS IoT Core.
	AWS Profile = iota
	// Generic is a full MQTT 5 and 3.1.1 broker without the limits of a cloud service. It accepts everyone.
	Generic
)

// Options says what the emulator is, where it listens and what it allows. The zero value is AWS IoT Core on free ports of
// 127.0.0.1: one for TLS, where ALPN says what a client wants, as on port 443, and one for mutual TLS, as port 8883.
type Options struct {
	Profile Profile
	// Addr is the TCP address, such as "127.0.0.1:1883", for MQTT without TLS, where nobody is asked who he is. Empty
	// means none, but for a generic profile without other listeners a free port of 127.0.0.1.
	Addr string
	// TLSAddr is the address for TLS. With the AWS profile it stands for port 443: the client's ALPN says what it is for,
	// x-amzn-mqtt-ca for MQTT with a device certificate, mqtt for MQTT with a custom authorizer, everything else for HTTPS
	// and WebSockets. With the generic profile it is MQTT over TLS. Empty means none where another listener is asked for,
	// else, with the AWS profile, a free port.
	//
	// The server's certificate is for localhost, 127.0.0.1, ::1 and Hosts, and signed by its own authority.
	TLSAddr string
	// MQTTSAddr is the address for MQTT with a device certificate whatever the ALPN, as on port 8883, with the AWS profile
	// alone. Empty means as for TLSAddr.
	MQTTSAddr string
	// HTTPAddr is the address for HTTP without TLS, with the AWS profile alone: what is behind TLSAddr for HTTPS, for
	// clients that shall not have to trust the server's authority. Requests must be signed there too. Empty means none.
	HTTPAddr string
	// WSAddr and WSSAddr are the addresses for MQTT over WebSockets, without and with TLS, with the generic profile alone:
	// with AWS they are behind TLSAddr. Clients have to offer the subprotocol mqtt. Empty means none.
	WSAddr, WSSAddr string
	// WSPath is the path of the WebSockets, such as "/mqtt"; others are answered with 404. Empty means any. With the
	// generic profile alone.
	WSPath string
	// Hosts are further names in the server's certificate.
	Hosts []string
	// RequireClientCert refuses TLS clients without a certificate of the server's authority, with the generic profile.
	// Without it a certificate is verified where there is one.
	RequireClientCert bool
	// Mem and MemAddr are an in-memory network and the address on it, for MQTT without TLS; nil means none. An empty
	// MemAddr means "broker". With the AWS profile there are MemAddr:443, MemAddr:8883 and MemAddr:80 as well, with the
	// generic profile MemAddr:80 for WebSockets.
	Mem     *memnet.Network
	MemAddr string
	// IoT is the account and the quotas, with the AWS profile alone.
	IoT iotcore.Options
	// Epoch is the time that the server's clock shows when it starts; zero means the real time. See [Server.Advance].
	Epoch time.Time
	// StateDir is a directory in which the account survives a restart of the program, with the AWS profile alone: things,
	// certificates and the authority behind them, policies, access keys, shadows, jobs, provisioning templates without
	// their hooks, commands. It is made where it does not exist, and holds secrets, so that only its owner may read it. One
	// server at a time has it, until it is closed: for a second one Start returns [ErrStateDir], where the system has locks
	// that end with a process, as Linux, macOS and Windows do. Changes are written within half a second, and when the server is closed. Sessions and
	// retained messages are not kept. Empty means that nothing is.
	StateDir string
	// AllowRemote permits addresses that are not loopback.
	AllowRemote bool

	// Limits and Hooks are what else is allowed, announced and decided. See package broker for the defaults. With the AWS
	// profile, fields of Limits that are not zero replace those of the service, and Hooks are asked about what the service
	// allows. Hooks run while the server is locked: they must not wait, nor call the server.
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

// withDefaults fills in what is not said, and refuses what does not fit the profile.
func (o Options) withDefaults() (Options, error) {
	none := o.Addr == "" && o.TLSAddr == "" && o.MQTTSAddr == "" && o.WSAddr == "" && o.WSSAddr == "" && o.Mem == nil
	switch o.Profile {
	case AWS:
		if none {
			o.TLSAddr, o.MQTTSAddr = "127.0.0.1:0", "127.0.0.1:0"
		}
		if o.RequireClientCert {
			return o, errors.New("emulator: RequireClientCert belongs to the generic profile: with AWS the port decides")
		}
		if o.WSAddr != "" || o.WSSAddr != "" || o.WSPath != "" {
			return o, errors.New("emulator: WSAddr, WSSAddr and WSPath belong to the generic profile: with AWS, WebSockets are behind TLSAddr")
		}
	case Generic:
		if none {
			o.Addr = "127.0.0.1:0"
		}
		if o.MQTTSAddr != "" {
			return o, errors.New("emulator: MQTTSAddr belongs to the AWS profile")
		}
		if o.StateDir != "" {
			return o, errors.New("emulator: StateDir belongs to the AWS profile")
		}
		if o.HTTPAddr != "" {
			return o, errors.New("emulator: HTTPAddr belongs to the AWS profile")
		}
		if o.WSPath != "" && !strings.HasPrefix(o.WSPath, "/") {
			return o, fmt.Errorf("emulator: WSPath %q does not begin with a slash", o.WSPath)
		}
	default:
		return o, fmt.Errorf("emulator: there is no profile %d", o.Profile)
	}
	if o.MemAddr == "" {
		o.MemAddr = "broker"
	}
	if o.Epoch.IsZero() {
		o.Epoch = time.Now()
	}
	return o, nil
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

// ErrStateDir refuses a state directory that another server has, in this process or another one. It is wrapped with the
// directory.
var ErrStateDir = errors.New("emulator: the state directory belongs to another server that is running")

// ErrClosed is returned by a server that was closed, or killed and not restarted.
var ErrClosed = errors.New("emulator: the server is not running")
