// Offline shows a device that loses its network and its power, and none of its readings.
//
//	go run ./samples/offline
//
// The device is a process of its own, so that its power can really be cut: the program starts itself a second time and
// kills that process without warning. What the device promised to deliver is in its folder on the disk, package
// filestore. Every line with a check mark is checked by the program; it exits 1 where something is not as it should be.
//
// The files: device.go is the device, and what to copy from here; power.go switches it on and off; dashboard.go counts
// what arrives; steps.go is the story.
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
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// deviceWord, as the first argument, makes the process the device.
const deviceWord = "-device"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "offline:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	switch {
	case len(args) > 0 && args[0] == deviceWord:
		return device(ctx, args[1:], os.Stdin, out)
	case len(args) > 0:
		return errors.New("it takes no arguments")
	}
	return tell(ctx, out)
}

// tell tells the whole story. It takes a few seconds, and never more than 15.
func tell(ctx context.Context, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	began := time.Now()
	s := &story{out: out}

	s.title("A broker and a dashboard in this process")
	// It takes few messages at a time, so that the delivery lasts long enough to be interrupted.
	f := new(fuse)
	srv, err := emulator.Start(emulator.Options{Profile: emulator.Generic, Limits: broker.Limits{ReceiveMaximum: 8},
		Hooks: broker.Hooks{Publish: f.taken}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	board, err := watch(ctx, srv.URL())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, board.close()) }()
	s.say("the dashboard subscribes to %q at QoS 2", topic)

	dir, err := os.MkdirTemp("", "gneiss-offline-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	w := &world{story: s, broker: srv, board: board, fuse: f, dir: dir}
	defer w.off()
	for _, step := range []struct {
		title string
		run   func(context.Context, *world) error
	}{
		{"The device is switched on", switchedOn},
		{"The network is pulled: the broker is killed", networkPulled},
		{"The power is cut: the device is killed while it writes", powerCut},
		{"The power is back, the network is not", powerBack},
		{"The network is back, and the power is cut again in the middle of the delivery", networkBack},
		{"The power is back for good", everythingArrives},
	} {
		s.title("%s", step.title)
		if err := step.run(ctx, w); err != nil {
			return fmt.Errorf("step %q: %w", step.title, err)
		}
	}
	s.title("Done in %.1f s", time.Since(began).Seconds())
	return nil
}
