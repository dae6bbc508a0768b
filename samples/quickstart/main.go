// Quickstart shows what a device does at AWS IoT Core, which is emulated in the same process: nothing has to be installed,
// and no account is needed.
//
//	go run ./samples/quickstart
//
// Each step is a file of its own, in this order: provision.go, connect.go, messages.go, retained.go, will.go,
// thermostat.go, update.go, command.go, outage.go, restart.go. Every line with a check mark is checked by the program; it
// exits 1 where something is not as it should be.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// run tells the whole story. It takes a few seconds, and never more than 15.
func run(ctx context.Context, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	began := time.Now()
	s := &story{out: out}

	s.title("AWS IoT Core in this process")
	cloud, err := emulator.Start(emulator.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cloud.Close()) }()
	s.say("%s stands for port 443 of an account's endpoint", cloud.Endpoint())

	d := new(device)
	defer d.close()
	for _, step := range []struct {
		title string
		run   func(context.Context, *story, *emulator.Server, *device) error
	}{
		{"First boot: an identity of its own", provision},
		{"Connect by mutual TLS", connectDevice},
		{"Publish and receive", messages},
		{"A retained message", retained},
		{"A will", will},
		{"The shadow of a thermostat", thermostat},
		{"A job", update},
		{"A command", command},
		{"The network fails for a while", outage},
		{"Another broker, with QoS 2, is killed and comes back", restart},
	} {
		s.title("%s", step.title)
		if err := step.run(ctx, s, cloud, d); err != nil {
			return fmt.Errorf("step %q: %w", step.title, err)
		}
	}
	s.title("Done in %.1f s", time.Since(began).Seconds())
	return nil
}
