// Quickstart shows what a client does, against a broker in the same process: nothing has to be installed.
//
//	go run ./samples/quickstart
//
// Each step is a file of its own: messages.go, retained.go, will.go, restart.go. Every line with a check mark is checked
// by the program; it exits 1 where something is not as it should be.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
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

	s.title("A broker in this process")
	broker, err := emulator.Start(emulator.Options{Profile: emulator.Generic})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, broker.Close()) }()
	s.say("it listens on %s", broker.URL())

	s.title("Connect")
	device, err := connect(ctx, broker, mqtt.Config{ClientID: "thermostat-7", SessionExpiry: time.Hour})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, device.Shutdown(ctx)) }()
	session, err := device.Connected(ctx)
	if err != nil {
		return err
	}
	s.say("%s, with a keep alive of %v and %d messages in flight at the most", session.ClientID,
		time.Duration(session.KeepAlive), session.ReceiveMaximum)

	for _, step := range []struct {
		title string
		run   func(context.Context, *story, *emulator.Server, *mqtt.Client) error
	}{
		{"Publish and receive", messages},
		{"A retained message", retained},
		{"A will", will},
		{"The broker is killed and comes back", restart},
	} {
		s.title("%s", step.title)
		if err := step.run(ctx, s, broker, device); err != nil {
			return fmt.Errorf("step %q: %w", step.title, err)
		}
	}
	s.title("Done in %.1f s", time.Since(began).Seconds())
	return nil
}

// connect makes a client and waits until the broker has accepted it.
func connect(ctx context.Context, broker *emulator.Server, config mqtt.Config) (*mqtt.Client, error) {
	endpoint, err := direct.URL(broker.URL())
	if err != nil {
		return nil, err
	}
	config.Endpoint = endpoint
	config.Reconnect = mqtt.Backoff{Min: 100 * time.Millisecond, Max: time.Second}
	client, err := mqtt.New(config)
	if err != nil {
		return nil, err
	}
	if err := client.Start(); err != nil {
		return nil, err
	}
	if _, err := client.Connected(ctx); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return client, nil
}
