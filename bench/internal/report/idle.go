package report

import (
	"fmt"
	"io"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/measure"
)

// IdleCost is what an idle connection of a library costs.
type IdleCost struct {
	Library string
	Idle    measure.Idle
	Err     error
}

// Idle prints what an idle connection costs.
func Idle(w io.Writer, conns int, costs []IdleCost) {
	t := table{{fmt.Sprintf("one of %d idle connections", conns),
		"RSS KiB", "heap KiB", "stack KiB", "goroutines", "after use: RSS KiB", "heap KiB", "stack KiB", "goroutines"}}
	for _, cost := range costs {
		cells := []string{cost.Library}
		if cost.Err != nil {
			t.add(append(cells, "error")...)
			continue
		}
		for _, f := range []measure.Footprint{cost.Idle.Fresh, cost.Idle.Used} {
			cells = append(cells, kib(f.Resident), kib(f.Heap), kib(f.Stack), digits(max(0, f.Goroutines)))
		}
		t.add(cells...)
	}
	t.print(w)
}
