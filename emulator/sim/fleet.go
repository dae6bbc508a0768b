package sim

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// Fleet lives many seeds at the same time.
type Fleet struct {
	First   uint64 // the first seed; the others follow
	Seeds   int    // how many; 0: as many as there is time for
	Workers int    // at a time; 0: one for each processor
	// Done is called after each seed, one call at a time, in no particular order.
	Done func(seed uint64, r *Result)
}

// Run lives the seeds, until the context ends. It returns the sum of what has happened.
func (f *Fleet) Run(ctx context.Context) Stats {
	workers := f.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var (
		next  atomic.Uint64
		mu    sync.Mutex
		total Stats
		wg    sync.WaitGroup
	)
	for range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				n := next.Add(1) - 1
				if f.Seeds > 0 && n >= uint64(f.Seeds) {
					return
				}
				r := Run(f.First+n, nil)
				mu.Lock()
				total.Add(&r.Stats)
				if f.Done != nil {
					f.Done(f.First+n, &r)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return total
}
