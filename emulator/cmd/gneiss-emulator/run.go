package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"syscall"

	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// settings are the command line.
type settings struct {
	generic     bool
	addr        string
	tlsAddr     string
	mqttsAddr   string
	httpAddr    string
	wsAddr      string
	wssAddr     string
	wsPath      string
	state       string
	dir         string
	policy      string
	temporary   bool // the directory is ours to remove
	authorizer  *authorizer
	unlimited   bool
	clientName  string
	requireCert bool
	remote      bool
	verbose     bool
}

// run serves until the context ends, and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	set, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintln(stderr, "gneiss-emulator:", err)
		return exitUsage
	}
	logger := slog.New(slog.DiscardHandler)
	if set.verbose {
		logger = slog.New(slog.NewTextHandler(stderr, nil))
	}
	if err := set.prepare(); err != nil {
		fmt.Fprintln(stderr, "gneiss-emulator:", err)
		return exitFailure
	}
	defer set.tidy()
	options := emulator.Options{
		Profile: emulator.Generic, Addr: set.addr, TLSAddr: set.tlsAddr, RequireClientCert: set.requireCert, AllowRemote: set.remote, Logger: logger,
		WSAddr: set.wsAddr, WSSAddr: set.wssAddr, WSPath: set.wsPath,
	}
	tell := announce
	if !set.generic {
		options, tell = set.aws(options), announceAWS
	}
	srv, err := emulator.Start(options)
	if err != nil {
		fmt.Fprintf(stderr, "gneiss-emulator: %s%s\n", strings.TrimPrefix(err.Error(), "emulator: "), hint(err))
		return exitFailure
	}
	defer srv.Close()
	if err := tell(srv, set, stdout); err != nil {
		fmt.Fprintln(stderr, "gneiss-emulator:", err)
		return exitFailure
	}
	<-ctx.Done()
	if err := srv.Close(); err != nil {
		fmt.Fprintln(stderr, "gneiss-emulator:", err)
		return exitFailure
	}
	fmt.Fprintln(stdout, "stopped")
	return exitOK
}

// hint says what to do about an error.
func hint(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return " (is another broker running? choose another port)"
	case errors.Is(err, emulator.ErrNotLoopback):
		return " (-remote allows it)"
	}
	return ""
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var set settings
	fs := flag.NewFlagSet("gneiss-emulator", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.BoolVar(&set.generic, "generic", false, "a full MQTT 5 and 3.1.1 broker instead of AWS IoT Core")
	fs.StringVar(&set.addr, "addr", "", "`address` for TCP without TLS; with -generic 127.0.0.1:1883 where there is no other")
	fs.StringVar(&set.tlsAddr, "tls-addr", "", "`address` for TLS; without -generic it stands for port 443 and is "+defaultTLS+" by default")
	fs.StringVar(&set.mqttsAddr, "mqtts-addr", defaultMQTTS, "`address` that stands for port 8883; not with -generic")
	fs.StringVar(&set.httpAddr, "http-addr", "", "`address` for the HTTP API without TLS, none by default; not with -generic")
	fs.StringVar(&set.wsAddr, "ws-addr", "", "with -generic: `address` for WebSockets without TLS, none by default")
	fs.StringVar(&set.wssAddr, "wss-addr", "", "with -generic: `address` for WebSockets over TLS, none by default")
	fs.StringVar(&set.wsPath, "ws-path", "", "with -generic: `path` of the WebSockets, such as /mqtt; any by default")
	fs.StringVar(&set.state, "state", "", "`directory` in which the account survives a restart, none by default; not with -generic")
	fs.StringVar(&set.dir, "dir", "", "`directory` to write certificates and keys to; a new temporary one by default, with -generic none")
	fs.StringVar(&set.clientName, "client-name", "device", "`name` of the thing, or of the client, whose certificate is written")
	fs.BoolVar(&set.requireCert, "require-cert", false, "with -generic: refuse TLS clients without a certificate")
	fs.StringVar(&set.policy, "policy", "", "`file` with the policy document of the device: IoT policies are enforced then; not with -generic")
	fs.BoolVar(&set.unlimited, "unlimited", false, "lift the quotas; not with -generic")
	fs.BoolVar(&set.remote, "remote", false, "allow addresses that other machines can reach")
	fs.BoolVar(&set.verbose, "v", false, "log connections to standard error")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return set, err
		}
		return set, errors.New("see -help")
	}
	if fs.NArg() > 0 {
		return set, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	return set, set.complete(given)
}

// The addresses of AWS IoT Core, on ports that anybody may open.
const (
	defaultTLS   = "127.0.0.1:8443"
	defaultMQTTS = "127.0.0.1:8883"
)

// complete fills in what depends on the profile, and refuses what does not fit.
func (set *settings) complete(given map[string]bool) error {
	if !set.generic {
		for _, name := range []string{"ws-addr", "wss-addr", "ws-path"} {
			if given[name] {
				return fmt.Errorf("-%s belongs to -generic: with AWS IoT Core, WebSockets are behind -tls-addr", name)
			}
		}
		switch {
		case set.requireCert:
			return errors.New("-require-cert belongs to -generic: with AWS IoT Core the port decides")
		case !given["tls-addr"]:
			set.tlsAddr = defaultTLS
		}
		if set.addr == "" && set.tlsAddr == "" && set.mqttsAddr == "" {
			return errors.New("-addr, -tls-addr and -mqtts-addr are all empty: nowhere to listen")
		}
		return nil
	}
	for _, name := range []string{"mqtts-addr", "http-addr", "state", "policy", "unlimited"} {
		if given[name] {
			return fmt.Errorf("-%s belongs to AWS IoT Core, not to -generic", name)
		}
	}
	withTLS := set.tlsAddr != "" || set.wssAddr != ""
	if !given["addr"] && !withTLS && set.wsAddr == "" {
		set.addr = "127.0.0.1:1883"
	}
	switch {
	case set.addr == "" && !withTLS && set.wsAddr == "":
		return errors.New("-addr, -tls-addr, -ws-addr and -wss-addr are all empty: nowhere to listen")
	case set.dir != "" && !withTLS:
		return errors.New("-dir needs -tls-addr or -wss-addr")
	case set.requireCert && !withTLS:
		return errors.New("-require-cert needs -tls-addr or -wss-addr")
	case set.wsPath != "" && set.wsAddr == "" && set.wssAddr == "":
		return errors.New("-ws-path needs -ws-addr or -wss-addr")
	}
	return nil
}

// announce prints how to connect.
func announce(srv *emulator.Server, set settings, w io.Writer) error {
	var files emulator.CertFiles
	if set.dir != "" {
		var err error
		if files, err = srv.WriteCerts(set.dir, set.clientName); err != nil {
			return err
		}
	}
	fmt.Fprintln(w, "MQTT broker (MQTT 5 and 3.1.1) is listening:")
	if addr := srv.Addr(); addr != "" {
		fmt.Fprintf(w, "\n  %s  plain TCP\n    mosquitto_sub %s -t '#' -v\n", addr, hostPort(addr))
	}
	if addr := srv.TLSAddr(); addr != "" {
		fmt.Fprintf(w, "\n  %s  TLS, certificate for localhost\n", addr)
		if set.dir != "" {
			_, port, err := net.SplitHostPort(addr)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "    mosquitto_sub -h localhost -p %s --cafile %s --cert %s --key %s -t '#' -v\n", port, files.CA, files.Cert, files.Key)
		}
	}
	path := cmp.Or(set.wsPath, "/mqtt")
	if addr := srv.WSAddr(); addr != "" {
		fmt.Fprintf(w, "\n  %s  WebSocket without TLS, subprotocol mqtt\n    ws://%s%s\n", addr, addr, path)
	}
	if addr := srv.WSSAddr(); addr != "" {
		fmt.Fprintf(w, "\n  %s  WebSocket over TLS, subprotocol mqtt\n    wss://%s%s\n", addr, addr, path)
		if set.dir != "" {
			fmt.Fprintf(w, "    authority %s, certificate %s, key %s\n", files.CA, files.Cert, files.Key)
		}
	}
	if set.dir == "" && srv.TLSAddr()+srv.WSSAddr() != "" {
		fmt.Fprintln(w, "    -dir writes the certificates that clients need")
	}
	fmt.Fprintln(w, "\nInterrupt to stop.")
	return nil
}

func hostPort(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return "-h " + host + " -p " + port
}
