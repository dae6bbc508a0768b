package measure

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/contender"
	"github.com/gneiss-mqtt/gneiss-go/bench/internal/sink"
	"github.com/gneiss-mqtt/gneiss-go/bench/internal/usage"
)

var errTimeout = errors.New("out of time")

// Result is the outcome of one cell.
type Result struct {
	Messages int
	Elapsed  time.Duration
	CPU      time.Duration // processor time of this process
	SinkCPU  time.Duration // of the process of the sink
	Allocs   uint64
}

// Rate is messages per second.
func (r *Result) Rate() float64 { return float64(r.Messages) / r.Elapsed.Seconds() }

// Runner runs cells against one sink.
type Runner struct {
	Sink sink.Control
	// Duration is how long the measured part of a cell should take.
	Duration time.Duration
	// Limit is how long a cell may take before it counts as hung; 30 s if
	// zero.
	Limit time.Duration

	cells atomic.Int64
}

// job is a publisher or a receiver.
type job interface {
	run(count int) error
	verify(counts *sink.Counts, total int) error
}

// Cell measures count messages on a connection of its own. A client that hangs
// is given up after the limit.
func (r *Runner) Cell(lib *contender.Library, row Row, count int) (Result, error) {
	limit := r.Limit
	if limit == 0 {
		limit = 30 * time.Second
	}
	type outcome struct {
		result Result
		err    error
	}
	client, abort, finished := lib.New(), make(chan struct{}), make(chan outcome, 1)
	connected := make(chan struct{}) // or failed to
	go func() {
		result, err := r.cell(client, row, count, connected, abort)
		finished <- outcome{result, err}
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case o := <-finished:
		return o.result, o.err
	case <-timer.C:
	}
	close(abort)
	go func() {
		<-connected
		_ = client.Close()
	}()
	timer.Reset(5 * time.Second)
	select {
	case o := <-finished:
		return Result{}, errors.Join(errTimeout, o.err)
	case <-timer.C:
		return Result{}, fmt.Errorf("%w, and does not end when closed", errTimeout)
	}
}

func (r *Runner) cell(client contender.Client, row Row, count int, connected chan<- struct{}, abort <-chan struct{}) (Result, error) {
	clientID := fmt.Sprintf("bench-%d", r.cells.Add(1))
	ctx, cancel := context.WithTimeout(context.Background(), r.connectLimit())
	defer cancel()
	err := client.Connect(ctx, r.Sink.Addr(), clientID)
	close(connected)
	if err != nil {
		return Result{}, err
	}
	defer client.Close()
	var j job = newPublisher(client, row, abort)
	if row.receives() {
		j = &receiver{client: client, row: row, abort: abort}
	}

	warm := max(2*row.Window, count/20, 10)
	if err := j.run(warm); err != nil {
		return Result{}, fmt.Errorf("warm-up: %w", err)
	}
	if err := r.verify(j, clientID, row, warm); err != nil {
		return Result{}, fmt.Errorf("warm-up: %w", err)
	}
	result, err := r.timed(j, clientID, row, warm, count)
	if err != nil {
		return Result{}, err
	}
	return result, r.verify(j, clientID, row, warm+count)
}

// timed is the part of the cell that counts. A publish at QoS 0 is complete for
// the client when it is written, so there the clock stops when the sink has it.
func (r *Runner) timed(j job, clientID string, row Row, warm, count int) (Result, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	sinkCPU, err := r.Sink.CPU()
	if err != nil {
		return Result{}, err
	}
	cpu, start := usage.CPU(), time.Now()
	if err := j.run(count); err != nil {
		return Result{}, err
	}
	if !row.receives() && row.QoS == 0 {
		if _, err := r.counts(clientID, row, warm+count); err != nil {
			return Result{}, err
		}
	}
	result := Result{Messages: count, Elapsed: time.Since(start), CPU: usage.CPU() - cpu}
	runtime.ReadMemStats(&after)
	result.Allocs = after.Mallocs - before.Mallocs
	sinkCPUAfter, err := r.Sink.CPU()
	result.SinkCPU = sinkCPUAfter - sinkCPU
	return result, err
}

func (r *Runner) verify(j job, clientID string, row Row, total int) error {
	counts, err := r.counts(clientID, row, total)
	if err != nil {
		return err
	}
	return j.verify(&counts, total)
}

// counts asks the sink, once it has seen everything that should come.
func (r *Runner) counts(clientID string, row Row, total int) (sink.Counts, error) {
	if row.receives() {
		return r.Sink.Await(clientID, 0, uint64(total)*uint64(row.QoS), 10*time.Second)
	}
	return r.Sink.Await(clientID, uint64(total), 0, 10*time.Second)
}

func (r *Runner) connectLimit() time.Duration {
	if r.Limit == 0 {
		return 10 * time.Second
	}
	return r.Limit / 2
}
