package main

import (
	"context"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

const (
	online  = 100 // readings while everything is well
	offline = 300 // readings without a network
	more    = 200 // readings of the second life, all without a network
	rest    = 50  // readings of the third
)

// world is what the steps share.
type world struct {
	*story
	broker *emulator.Server
	board  *dashboard
	fuse   *fuse
	dir    string

	device   *process // nil while the power is off
	promised []int    // per life that has ended
}

// on starts the next life of the device.
func (w *world) on(ctx context.Context, readings int) error {
	p, err := switchOn(ctx, w.broker.URL(), w.dir, len(w.promised), readings)
	if err != nil {
		return err
	}
	w.device = p
	w.say("process %d", p.cmd.Process.Pid)
	return p.await(ctx, "it has opened its store", func() bool { return p.restored.Load() >= 0 })
}

// cut ends the life of the device.
func (w *world) cut() error {
	p := w.device
	w.device = nil
	if err := p.cut(); err != nil {
		return err
	}
	w.promised = append(w.promised, int(p.stored.Load()))
	return nil
}

// off leaves no process behind, whatever went wrong.
func (w *world) off() {
	if w.device != nil {
		_ = w.device.cut() // nothing more can be done
	}
}

func (w *world) stored(ctx context.Context, n int) error {
	return w.device.await(ctx, fmt.Sprintf("it has stored %d readings", n), func() bool { return w.device.stored.Load() >= int64(n) })
}

func switchedOn(ctx context.Context, w *world) error {
	if err := w.on(ctx, 1_000_000); err != nil { // until it is killed
		return err
	}
	if err := w.board.await(ctx, online); err != nil {
		return err
	}
	return w.check(w.device.restored.Load() == 0, "its store is empty; the first %d readings have arrived", online)
}

func networkPulled(ctx context.Context, w *world) error {
	if err := w.broker.Kill(); err != nil {
		return err
	}
	before := int(w.device.stored.Load())
	if err := w.stored(ctx, before+offline); err != nil {
		return err
	}
	w.say("the device goes on: %d readings are stored without a network", offline)
	return nil
}

func powerCut(_ context.Context, w *world) error {
	if err := w.cut(); err != nil {
		return err
	}
	w.say("it had promised to deliver %d readings; %d have arrived", w.promised[0], w.board.count())
	return nil
}

func powerBack(ctx context.Context, w *world) error {
	if err := w.on(ctx, more); err != nil {
		return err
	}
	restored := int(w.device.restored.Load())
	if err := w.check(restored >= w.promised[0]-w.board.count(), "its store holds %d readings of before, all that have not arrived", restored); err != nil {
		return err
	}
	if err := w.stored(ctx, more); err != nil {
		return err
	}
	w.say("it stores %d more readings", more)
	return nil
}

func networkBack(ctx context.Context, w *world) error {
	half := (w.promised[0] + more - w.board.count()) / 2
	w.fuse.set(w.device, half)
	if err := w.broker.Restart(emulator.KeepSessions); err != nil {
		return err
	}
	select {
	case <-w.device.read:
	case <-ctx.Done():
		return fmt.Errorf("waiting for reading %d at the broker: %w", half, ctx.Err())
	}
	if err := w.cut(); err != nil {
		return err
	}
	w.say("killed when the broker took reading %d of those that were waiting", half)
	return nil
}

func everythingArrives(ctx context.Context, w *world) error {
	if err := w.on(ctx, rest); err != nil {
		return err
	}
	restored := w.device.restored.Load()
	if err := w.check(restored > 0, "its store holds %d readings of before, and knows how far each had come", restored); err != nil {
		return err
	}
	if err := w.stored(ctx, rest); err != nil {
		return err
	}
	// What the device has not delivered when it is shut down, it says, and fails.
	p := w.device
	w.device = nil
	err := p.shutDown()
	if err := w.check(err == nil, "the device has delivered everything and shut down in order"); err != nil {
		return err
	}
	w.promised = append(w.promised, int(p.stored.Load()))
	return w.conclude(ctx)
}

// conclude compares what was promised with what has arrived.
func (w *world) conclude(ctx context.Context) error {
	promised := 0
	for _, n := range w.promised {
		promised += n
	}
	if err := w.board.await(ctx, promised); err != nil {
		return err
	}
	// A last message at the same QoS comes after all others, so that nothing else can be under way.
	if err := w.board.settle(ctx); err != nil {
		return err
	}
	arrived, err := w.board.tally(len(w.promised))
	if err != nil {
		return err
	}
	total := 0
	for life, n := range arrived {
		total += n
		// Beside what was promised there may be the reading that was on its way to the disk when the power was cut.
		extra := n - w.promised[life]
		if err := w.check(extra == 0 || extra == 1, "life %d: promised %d, arrived %d", life+1, w.promised[life], n); err != nil {
			return err
		}
		if extra == 1 {
			w.say("one more was stored, and the power was cut before the device could say so")
		}
	}
	return w.check(total == w.board.count(), "%d readings at QoS 2: each once, in order, none lost", total)
}
