// Pubsub publishes and subscribes from the command line, to any MQTT broker.
//
//	go run ./samples/pubsub -sub -topic 'rooms/#'
//	go run ./samples/pubsub -topic rooms/1 -message hello -qos 1
//	date | go run ./samples/pubsub -url mqtts://broker.example.org -ca ca.pem -cert me.pem -key me.key -topic clock
//
// Without -message it publishes each line of its standard input. A password is read from the environment variable
// MQTT_PASSWORD or from a file, never from the command line, which others can see. Ctrl-C ends it in order.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2) // the flag set has said what is wrong
	case err != nil:
		fmt.Fprintln(os.Stderr, "pubsub:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out, log io.Writer) error {
	o, err := parse(args, log)
	if err != nil {
		return err
	}
	config, err := o.config(log)
	if err != nil {
		return err
	}
	client, err := mqtt.New(config)
	if err != nil {
		return err
	}
	if err := client.Start(); err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, o.timeout)
	_, err = client.Connected(waiting)
	cancel()
	if err == nil && o.subscribe {
		err = subscribe(ctx, client, o, out)
	} else if err == nil {
		err = publish(ctx, client, o, in)
	}
	return errors.Join(err, shutdown(client))
}

// shutdown says goodbye also after Ctrl-C, but not for ever.
func shutdown(client *mqtt.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return client.Shutdown(ctx)
}
