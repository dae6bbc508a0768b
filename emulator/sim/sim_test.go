package sim

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"
)

// TestSeeds lives a modest number of lives. CI lives more of them with the command.
func TestSeeds(t *testing.T) {
	t.Parallel()
	seeds := 24
	if raceEnabled || testing.Short() {
		seeds = 6
	}
	fleet := Fleet{First: 1_000_000, Seeds: seeds, Done: func(seed uint64, r *Result) {
		if r.Violation != nil {
			t.Errorf("%v\nreplay: go run ./emulator/cmd/gneiss-sim -seed %d\n%s", r.Violation, seed,
				strings.Join(Tail(seed, 40), "\n"))
		}
	}}
	total := fleet.Run(t.Context())
	var b bytes.Buffer
	total.Print(&b)
	t.Log(b.String())
	if total.Seeds != seeds {
		t.Fatalf("%d seeds of %d", total.Seeds, seeds)
	}
	if seeds >= 24 {
		notVacuous(t, &total)
	}
}

// notVacuous fails where something never happens that is meant to: nothing is shown about it then.
func notVacuous(t *testing.T, s *Stats) {
	for f, n := range s.Faults {
		if n == 0 {
			t.Errorf("it never happened: %s", Fault(f))
		}
	}
	for a, n := range s.Acts {
		if n == 0 {
			t.Errorf("no application ever did: %s", actNames[a])
		}
	}
	for name, n := range map[string]uint64{"publishes": s.Ops[0], "subscribes": s.Ops[1], "unsubscribes": s.Ops[2], "refused": s.Refused,
		"succeeded": s.Succeeded, "failed": s.Failed, "canceled": s.Canceled, "timed out": s.TimedOut, "delayed": s.Delayed, "restored": s.Restored, "lost": s.Lost,
		"deliveries": s.Deliveries, "acks": s.Acks, "void": s.Void, "dropped": s.Dropped, "records": s.Records} {
		if n < 10 {
			t.Errorf("%s: only %d", name, n)
		}
	}
	if hours := s.Simulated.Hours(); hours < float64(s.Seeds)/2 || float64(s.TotalFaults())/hours < 100 {
		t.Errorf("%.1f hours and %d faults in %d seeds", hours, s.TotalFaults(), s.Seeds)
	}
}

// TestDeterminism lives lives again, if short ones: the same happens, whether somebody watches or not.
func TestDeterminism(t *testing.T) {
	t.Parallel()
	seeds := 20
	if raceEnabled || testing.Short() {
		seeds = 4
	}
	hashes := map[uint64]uint64{}
	for seed := range uint64(seeds) {
		plain := brief(seed, nil)
		var first, second bytes.Buffer
		traced, again := brief(seed, &first), brief(seed, &second)
		if plain.trace.hash != traced.trace.hash || plain.stats != traced.stats {
			t.Errorf("seed %d: %016x, and with a trace %016x", seed, plain.trace.hash, traced.trace.hash)
		}
		if traced.trace.hash != again.trace.hash || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("seed %d: %016x and %016x, traces of %d and %d bytes", seed, traced.trace.hash, again.trace.hash, first.Len(), second.Len())
		}
		if other, ok := hashes[plain.trace.hash]; ok {
			t.Errorf("the seeds %d and %d are the same", seed, other)
		}
		hashes[plain.trace.hash] = seed
	}
}

// brief lives the beginning of a life.
func brief(seed uint64, out io.Writer) *world {
	w := newWorld(seed, func(r chance) *plan {
		p := newPlan(r)
		p.rounds, p.storm = 1, 3*time.Minute
		return p
	})
	w.trace.out = out
	w.live()
	return w
}

// TestFleetEnds stops when the context does.
func TestFleetEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	fleet := Fleet{First: 1, Workers: 2, Done: func(uint64, *Result) {
		if n++; n == 2 {
			cancel()
		}
	}}
	total := fleet.Run(ctx)
	if total.Seeds < 2 || total.Seeds > 4 {
		t.Errorf("%d seeds after the end of the context", total.Seeds)
	}
}

// TestPanic turns a panic into a violation.
func TestPanic(t *testing.T) {
	t.Parallel()
	w := newWorld(1, newPlan)
	w.fault.fire = nil
	w.plan = newPlan(w.chance)
	w.live()
	if w.violation == nil || w.violation.Kind != kindPanic || !strings.Contains(w.violation.Text, "step") {
		t.Errorf("violation %v", w.violation)
	}
}

// TestTail keeps the last lines.
func TestTail(t *testing.T) {
	t.Parallel()
	lines := Tail(3, 20)
	if len(lines) < 20 || len(lines) > 40 {
		t.Errorf("%d lines", len(lines))
	}
}
