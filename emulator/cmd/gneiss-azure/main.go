// Command gneiss-azure runs Azure's MQTT services on this machine: an Event Grid namespace with a managed identity, an IoT Hub
// with a device, and a Device Provisioning Service with an enrollment, each with TLS and with WebSockets.
//
//	gneiss-azure -dir ./azure
//
// It writes the authority of their certificates to the directory, prints how to run the samples against them, and runs until
// it is interrupted. Nothing of it is reachable from other machines.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/gneiss-mqtt/gneiss-go/emulator/azure"
)

func main() {
	dir := flag.String("dir", "azure", "`directory` for the authority of the certificates")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *dir, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gneiss-azure:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string, out io.Writer) error {
	cloud, err := azure.StartCloud(dir)
	if err != nil {
		return err
	}
	for _, r := range cloud.Runs() {
		for _, e := range r.Env {
			name, value, _ := strings.Cut(e, "=")
			fmt.Fprintf(out, "export %s=%s\n", name, quote(value))
		}
		fmt.Fprintf(out, "go run ./samples/%s %s\n\n", r.Sample, strings.Join(r.Args, " "))
	}
	<-ctx.Done()
	return cloud.Close()
}

// quote is for a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
