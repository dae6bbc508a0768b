package main

import (
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
	certDir     string
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
	srv, err := emulator.Start(emulator.Options{
		Addr: set.addr, TLSAddr: set.tlsAddr, RequireClientCert: set.requireCert, AllowRemote: set.remote, Logger: logger,
	})
	if err != nil {
		fmt.Fprintf(stderr, "gneiss-emulator: %s%s\n", strings.TrimPrefix(err.Error(), "emulator: "), hint(err))
		return exitFailure
	}
	defer srv.Close()
	if err := announce(srv, set, stdout); err != nil {
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
	fs.BoolVar(&set.generic, "generic", true, "a full MQTT 5 and 3.1.1 broker without the limits of a cloud service")
	fs.StringVar(&set.addr, "addr", "127.0.0.1:1883", "`address` for plain TCP; empty for none")
	fs.StringVar(&set.tlsAddr, "tls-addr", "", "`address` for TLS; empty for none")
	fs.StringVar(&set.certDir, "cert-dir", "", "`directory` to write the authority's and a client's certificate to; needs -tls-addr")
	fs.StringVar(&set.clientName, "client-name", "device", "common `name` of the client certificate in -cert-dir")
	fs.BoolVar(&set.requireCert, "require-cert", false, "refuse TLS clients without a certificate")
	fs.BoolVar(&set.remote, "remote", false, "allow addresses that other machines can reach")
	fs.BoolVar(&set.verbose, "v", false, "log connections to standard error")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return set, err
		}
		return set, errors.New("see -help")
	}
	switch {
	case fs.NArg() > 0:
		return set, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	case !set.generic:
		return set, errors.New("-generic=false: there is no other profile")
	case set.addr == "" && set.tlsAddr == "":
		return set, errors.New("-addr and -tls-addr are both empty: nowhere to listen")
	case set.certDir != "" && set.tlsAddr == "":
		return set, errors.New("-cert-dir needs -tls-addr")
	case set.requireCert && set.tlsAddr == "":
		return set, errors.New("-require-cert needs -tls-addr")
	}
	return set, nil
}

// announce prints how to connect.
func announce(srv *emulator.Server, set settings, w io.Writer) error {
	fmt.Fprintln(w, "MQTT broker (MQTT 5 and 3.1.1) is listening:")
	if addr := srv.Addr(); addr != "" {
		fmt.Fprintf(w, "\n  %s  plain TCP\n    mosquitto_sub %s -t '#' -v\n", addr, hostPort(addr))
	}
	if addr := srv.TLSAddr(); addr != "" {
		fmt.Fprintf(w, "\n  %s  TLS, certificate for localhost\n", addr)
		if set.certDir != "" {
			files, err := srv.WriteCerts(set.certDir, set.clientName)
			if err != nil {
				return err
			}
			_, port, err := net.SplitHostPort(addr)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "    mosquitto_sub -h localhost -p %s --cafile %s --cert %s --key %s -t '#' -v\n", port, files.CA, files.Cert, files.Key)
		} else {
			fmt.Fprintln(w, "    -cert-dir writes the certificates that clients need")
		}
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
