package measure

import (
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/contender"
)

func TestRowsAreInterleaved(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var order string
	named := func(name string) contender.Library {
		lib := *publishing(nil)
		lib.Name = name
		inner := lib.New
		lib.New = func() contender.Client {
			mu.Lock()
			defer mu.Unlock()
			order += name
			return inner()
		}
		return lib
	}
	broken := named("x")
	inner := broken.New
	broken.New = func() contender.Client {
		l := inner().(*liar)
		l.publish = func(*liar, contender.Message) error { return errRefused }
		return l
	}
	r := &Runner{Sink: startSink(t), Duration: time.Millisecond}
	cells := r.Row([]contender.Library{named("a"), broken, named("b"), named("c")}, Row{Sync, 1, 1, 64}, 4)
	// Calibration may take several cells, always of the same library.
	if rounds := order[len(order)-12:]; rounds != "abcbcabcacab" {
		t.Errorf("order %q", order)
	}
	for i, cell := range cells {
		if i == 1 {
			if !errors.Is(cell.Err, errRefused) || len(cell.Results) != 0 || !math.IsNaN(cell.Rate()) {
				t.Errorf("broken library: %+v", cell)
			}
			continue
		}
		if cell.Err != nil || len(cell.Results) != 4 || !(cell.Rate() > 0) || !(cell.CPU() >= 0) || !(cell.Spread() >= 0) || !(cell.Allocs() >= 0) {
			t.Errorf("library %d: %+v", i, cell)
		}
	}
}

func TestErrorInALaterRoundSpoilsTheCell(t *testing.T) {
	t.Parallel()
	cells := 0
	lib := *publishing(nil)
	inner := lib.New
	lib.New = func() contender.Client {
		cells++
		l := inner().(*liar)
		if cells > 2 {
			l.publish = func(*liar, contender.Message) error { return errRefused }
		}
		return l
	}
	r := &Runner{Sink: startSink(t), Duration: time.Microsecond} // one calibration is enough
	cell := r.Row([]contender.Library{lib}, Row{Sync, 1, 1, 64}, 5)[0]
	if !errors.Is(cell.Err, errRefused) || !strings.Contains(cell.Err.Error(), "round 2") || !math.IsNaN(cell.Rate()) {
		t.Errorf("%+v", cell)
	}
}

func TestCellMedians(t *testing.T) {
	t.Parallel()
	c := Cell{Results: []Result{
		{Messages: 1000, Elapsed: time.Second, CPU: 2 * time.Millisecond, SinkCPU: 500 * time.Millisecond, Allocs: 3000},
		{Messages: 3000, Elapsed: time.Second, CPU: 3 * time.Millisecond, SinkCPU: 100 * time.Millisecond, Allocs: 3000},
		{Messages: 2000, Elapsed: time.Second, CPU: 6 * time.Millisecond, SinkCPU: 200 * time.Millisecond, Allocs: 0},
	}}
	for name, v := range map[string][2]float64{
		"rate": {c.Rate(), 2000}, "spread": {c.Spread(), 0.5}, "CPU": {c.CPU(), 2}, "sink": {c.SinkBusy(), 0.2}, "allocs": {c.Allocs(), 1},
	} {
		if math.Abs(v[0]-v[1]) > 1e-9 {
			t.Errorf("%s %v, want %v", name, v[0], v[1])
		}
	}
}

func TestScale(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		count         int
		elapsed, goal time.Duration
		want          int
	}{
		{1000, 10 * time.Millisecond, 200 * time.Millisecond, 20_000},
		{1000, time.Second, 100 * time.Millisecond, 100},
		{1000, time.Minute, time.Millisecond, 100},
		{1000, 0, time.Second, maxCount},
		{maxCount, time.Millisecond, time.Second, maxCount},
	} {
		if got := scale(c.count, c.elapsed, c.goal); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// What the project promises to compare is compared.
func TestRows(t *testing.T) {
	t.Parallel()
	var names []string
	for _, row := range QuickRows() {
		names = append(names, row.String())
	}
	if want := []string{
		"publish QoS 0, one caller", "publish QoS 0, 100 outstanding", "publish QoS 0, 1000 outstanding",
		"publish QoS 1, one caller", "publish QoS 1, 100 outstanding", "publish QoS 1, 1000 outstanding",
		"receive QoS 0", "receive QoS 1",
	}; !slices.Equal(names, want) {
		t.Errorf("quick rows %q", names)
	}
	all := map[string]bool{}
	for _, row := range AllRows() {
		if all[row.String()] {
			t.Errorf("%q twice", row)
		}
		all[row.String()] = true
	}
	for _, name := range append(names, "publish QoS 2, 1000 outstanding", "publish QoS 1, 100 goroutines", "receive QoS 0, 16384 B") {
		if !all[name] {
			t.Errorf("%q is missing", name)
		}
	}
}

func TestWindowBoundsWhatIsInFlight(t *testing.T) {
	t.Parallel()
	const size, count = 7, 20_000
	w := newWindow()
	started := make(chan int, count)
	var workers sync.WaitGroup
	for range 3 {
		workers.Go(func() {
			for range started {
				w.done(nil)
			}
		})
	}
	for i := range count {
		w.await(int64(i - size + 1))
		if inFlight := int64(i+1) - w.completed.Load(); inFlight > size {
			t.Fatalf("%d in flight", inFlight)
		}
		started <- i
	}
	w.await(count)
	close(started)
	workers.Wait()
	if w.completed.Load() != count || w.failure.get() != nil {
		t.Error(w.completed.Load(), w.failure.get())
	}
}
