package measure

import (
	"fmt"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/contender"
	"github.com/gneiss-mqtt/gneiss-go/bench/internal/stats"
)

// Cell is what one library did in one row, over all rounds.
type Cell struct {
	Results []Result
	Err     error // why there are no results, or no more
}

// Rate is the median of the messages per second; NaN without a result.
func (c *Cell) Rate() float64 {
	return stats.Median(c.each(func(r *Result) float64 { return r.Rate() }))
}

// Spread is half the range of the rates over their median.
func (c *Cell) Spread() float64 {
	return stats.Spread(c.each(func(r *Result) float64 { return r.Rate() }))
}

// CPU is the median of the client's processor seconds per million messages.
func (c *Cell) CPU() float64 {
	return stats.Median(c.each(func(r *Result) float64 { return r.CPU.Seconds() / float64(r.Messages) * 1e6 }))
}

// SinkBusy is the median of the share of the time that the sink was computing.
func (c *Cell) SinkBusy() float64 {
	return stats.Median(c.each(func(r *Result) float64 { return r.SinkCPU.Seconds() / r.Elapsed.Seconds() }))
}

// Allocs is the median of the allocations per message.
func (c *Cell) Allocs() float64 {
	return stats.Median(c.each(func(r *Result) float64 { return float64(r.Allocs) / float64(r.Messages) }))
}

func (c *Cell) each(f func(*Result) float64) []float64 {
	if c.Err != nil {
		return nil
	}
	values := make([]float64, len(c.Results))
	for i := range c.Results {
		values[i] = f(&c.Results[i])
	}
	return values
}

// Row measures every library in one row: rounds times, interleaved, each round
// starting with another library, so that a noisy moment hits them alike.
func (r *Runner) Row(libs []contender.Library, row Row, rounds int) []Cell {
	cells, counts := make([]Cell, len(libs)), make([]int, len(libs))
	for i := range libs {
		counts[i], cells[i].Err = r.calibrate(&libs[i], row)
	}
	for round := range rounds {
		for k := range libs {
			i := (round + k) % len(libs)
			if cells[i].Err != nil {
				continue
			}
			result, err := r.Cell(&libs[i], row, counts[i])
			if err != nil {
				cells[i].Err = fmt.Errorf("round %d: %w", round+1, err)
				continue
			}
			cells[i].Results = append(cells[i].Results, result)
		}
	}
	return cells
}

// maxCount bounds the messages of a cell.
const maxCount = 1 << 26

// calibrate finds the number of messages that takes about Duration.
func (r *Runner) calibrate(lib *contender.Library, row Row) (int, error) {
	count := max(200, 4*row.Window)
	if row.receives() {
		count = 2000
	}
	for {
		result, err := r.Cell(lib, row, count)
		if err != nil {
			return 0, fmt.Errorf("calibration: %w", err)
		}
		next := scale(count, result.Elapsed, r.Duration)
		if result.Elapsed >= r.Duration/4 || next <= count || next == maxCount {
			return next, nil
		}
		// A short run says little: approach the goal in steps.
		count = min(next/2, count*20)
	}
}

// scale is the count that takes goal if count takes elapsed.
func scale(count int, elapsed, goal time.Duration) int {
	ratio := float64(goal) / float64(max(elapsed, time.Microsecond))
	return int(min(max(float64(count)*ratio, 100), maxCount))
}
