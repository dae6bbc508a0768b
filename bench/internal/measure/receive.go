package measure

import (
	"fmt"
	"sync/atomic"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/contender"
	"github.com/gneiss-mqtt/gneiss-go/bench/internal/sink"
)

// receiver runs the receiving rows on one connection.
type receiver struct {
	client contender.Client
	row    Row
	abort  <-chan struct{}

	total atomic.Int64 // messages the handlers saw, all runs
	wrong atomic.Int64 // of them, with a payload of another length
}

// run asks the sink for count messages and returns when the last was handled.
func (r *receiver) run(count int) error {
	done := make(chan struct{})
	target := r.total.Load() + int64(count)
	subscribe := r.client.Subscribe
	if b, ok := r.client.(contender.BorrowingClient); ok && r.row.Mode == Borrow {
		subscribe = b.SubscribeBorrowed
	}
	err := subscribe(sink.SourceFilter(count, r.row.Payload), r.row.QoS, func(payload []byte) {
		if len(payload) != r.row.Payload {
			r.wrong.Add(1)
		}
		if r.total.Add(1) == target {
			close(done)
		}
	})
	if err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-r.abort:
		return fmt.Errorf("%w: received %d of %d messages", errTimeout, r.total.Load()-target+int64(count), count)
	}
}

// verify compares what the handlers saw, and the sink, with what was asked for.
func (r *receiver) verify(counts *sink.Counts, total int) error {
	if got, wrong := r.total.Load(), r.wrong.Load(); got != int64(total) || wrong != 0 {
		return fmt.Errorf("handled %d messages of %d, %d of them wrong", got, total, wrong)
	}
	if counts.OutOfOrder != 0 {
		return fmt.Errorf("%d acknowledgements out of order", counts.OutOfOrder)
	}
	if acks := uint64(total) * uint64(r.row.QoS); counts.Pubacks != acks || counts.Published() != 0 || counts.Failure != "" {
		return fmt.Errorf("the sink counted %+v, want %d acknowledgements", *counts, acks)
	}
	return nil
}
