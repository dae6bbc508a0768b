package sim

import (
	"fmt"
	"io"
	"time"
)

// Print writes the counters for people.
func (s *Stats) Print(w io.Writer) {
	row := func(name string, n uint64) { fmt.Fprintf(w, "  %-28s %12d\n", name, n) }
	fmt.Fprintf(w, "seeds %d, simulated %.1f hours, faults %d, violations %d\n", s.Seeds, s.Simulated.Hours(), s.TotalFaults(), s.Violations)
	fmt.Fprintln(w, "\nfaults")
	for f, n := range s.Faults {
		row(Fault(f).String(), n)
	}
	fmt.Fprintln(w, "\nwhat applications did")
	for a, n := range s.Acts {
		row(actNames[a], n)
	}
	fmt.Fprintln(w, "\noperations")
	row("PUBLISH accepted", s.Ops[0])
	row("SUBSCRIBE accepted", s.Ops[1])
	row("UNSUBSCRIBE accepted", s.Ops[2])
	row("refused at once", s.Refused)
	row("succeeded", s.Succeeded)
	row("failed, and said so", s.Failed)
	row("cancelled in time", s.Canceled)
	row("acknowledged late", s.TimedOut)
	row("subscriptions restored later", s.Delayed)
	row("restored from a store", s.Restored)
	row("ended with their process", s.Lost)
	fmt.Fprintln(w, "\nmessages")
	row("taken by the broker", s.Accepted)
	row("delivered to applications", s.Deliveries)
	row("acknowledged by applications", s.Acks)
	row("  of them void", s.Void)
	row("dropped by the broker", s.Dropped)
	fmt.Fprintln(w, "\nbelow")
	row("attempts to connect", s.Attempts)
	row("connections", s.Connects)
	row("packets from clients", s.PacketsOut)
	row("packets to clients", s.PacketsIn)
	row("batches stored", s.Batches)
	row("records stored", s.Records)
}

// PerSecond says how much faster than the clock a run was.
func (s *Stats) PerSecond(took time.Duration) string {
	return fmt.Sprintf("%v of real time, %.0f simulated seconds in each", took.Round(10*time.Millisecond), s.Simulated.Seconds()/took.Seconds())
}
