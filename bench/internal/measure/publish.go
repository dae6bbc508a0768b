package measure

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/contender"
	"github.com/gneiss-mqtt/gneiss-go/bench/internal/sink"
)

// publisher runs the publishing rows on one connection.
type publisher struct {
	client contender.Client
	row    Row
	msg    contender.Message
	abort  <-chan struct{} // closed when the cell has run out of time
}

func newPublisher(client contender.Client, row Row, abort <-chan struct{}) *publisher {
	return &publisher{
		client: client,
		row:    row,
		msg: contender.Message{
			Topic:   "bench/topic",
			Payload: bytes.Repeat([]byte{'p'}, row.Payload),
			QoS:     row.QoS,
		},
		abort: abort,
	}
}

// run publishes count messages and returns when the client says that all of
// them are complete.
func (p *publisher) run(count int) error {
	if bulk, ok := p.client.(contender.BulkClient); ok {
		return bulk.PublishMany(p.msg, count, p.row.Window)
	}
	if p.row.Mode == Sync {
		for range count {
			if err := p.client.Publish(p.msg); err != nil {
				return err
			}
		}
		return nil
	}
	if async, ok := p.client.(contender.AsyncClient); ok && p.row.Mode == Outstanding {
		return p.async(async, count)
	}
	return p.goroutines(count)
}

func (p *publisher) async(client contender.AsyncClient, count int) error {
	w := newWindow()
	defer p.onAbort(w)()
	publish := client.Publisher(w.done)
	for i := range count {
		w.await(int64(i - p.row.Window + 1))
		if err := w.failure.get(); err != nil {
			return err
		}
		if err := publish(p.msg); err != nil {
			return err
		}
	}
	w.await(int64(count))
	if err := w.failure.get(); err != nil {
		return err
	}
	if n := w.completed.Load(); n != int64(count) {
		return fmt.Errorf("%d completions for %d publishes", n, count)
	}
	return nil
}

// onAbort fails the window when time is up, so that a completion that never
// comes cannot hang the program.
func (p *publisher) onAbort(w *window) (stop func()) {
	finished := make(chan struct{})
	go func() {
		select {
		case <-p.abort:
			w.failure.set(errTimeout)
			w.release()
		case <-finished:
		}
	}()
	return func() { close(finished) }
}

func (p *publisher) goroutines(count int) error {
	var (
		next    atomic.Int64
		fail    failure
		callers sync.WaitGroup
	)
	for range min(p.row.Window, count) {
		callers.Go(func() {
			for next.Add(1) <= int64(count) && fail.get() == nil {
				fail.set(p.client.Publish(p.msg))
			}
		})
	}
	callers.Wait()
	return fail.get()
}

// verify compares what the sink counted with what was published in all.
func (p *publisher) verify(counts *sink.Counts, total int) error {
	want := sink.Counts{Payload: uint64(total * p.row.Payload)}
	want.Publishes[p.row.QoS] = uint64(total)
	if p.row.QoS == 2 {
		want.Pubrels = uint64(total)
	}
	if *counts != want {
		return fmt.Errorf("the sink counted %+v, want %+v", *counts, want)
	}
	return nil
}
