package sim

import (
	"io"
	"strings"
)

// Result is what came of one seed.
type Result struct {
	Stats
	Hash      uint64 // of all that happened: the same for the same seed
	Violation *Violation
}

// Run lives the life of a seed. Where trace is not nil it gets the whole story.
func Run(seed uint64, trace io.Writer) Result {
	w := newWorld(seed, newPlan)
	w.trace.out = trace
	w.live()
	return Result{Stats: w.stats, Hash: w.trace.hash, Violation: w.violation}
}

// Tail lives the life of a seed again and returns the last lines of its story.
func Tail(seed uint64, lines int) []string {
	t := &tail{keep: lines}
	Run(seed, t)
	return t.lines
}

// tail keeps the last lines that are written to it, whole lines at a time.
type tail struct {
	lines []string
	keep  int
}

// Write takes whole lines.
func (t *tail) Write(p []byte) (int, error) {
	t.lines = append(t.lines, strings.TrimRight(string(p), "\n"))
	if len(t.lines) > 2*t.keep {
		t.lines = append(t.lines[:0], t.lines[len(t.lines)-t.keep:]...)
	}
	return len(p), nil
}
