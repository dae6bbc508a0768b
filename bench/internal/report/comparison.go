package report

import (
	"fmt"
	"io"
	"math"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/contender"
	"github.com/gneiss-mqtt/gneiss-go/bench/internal/measure"
	"github.com/gneiss-mqtt/gneiss-go/bench/internal/stats"
)

// Line is one row of the comparison, with a cell for each library.
type Line struct {
	Row   measure.Row
	Cells []measure.Cell
}

// Comparison is the outcome of a run.
type Comparison struct {
	Libraries []contender.Library
	Lines     []Line
}

// OurName is the library whose ratios are printed.
const OurName = contender.OurName

// Failures are the cells that have no result, in words.
func (c *Comparison) Failures() []string {
	var failures []string
	for _, line := range c.Lines {
		for i := range line.Cells {
			if err := line.Cells[i].Err; err != nil {
				failures = append(failures, fmt.Sprintf("%s, %s: %v", line.Row, c.Libraries[i].Name, err))
			}
		}
	}
	return failures
}

// Rates prints messages per second, with half the range of the rounds beside
// the median, and the ratios of our medians to others.
func (c *Comparison) Rates(w io.Writer) {
	t := c.header("messages per second", "ours / best other", "ours / "+contender.PahoName)
	for _, line := range c.Lines {
		cells := []string{line.Row.String()}
		for i := range line.Cells {
			cell := &line.Cells[i]
			text := rate(cell.Rate())
			if cell.Err != nil {
				text = "error"
			} else if len(cell.Results) > 1 {
				text += fmt.Sprintf(" ±%3s", percent(cell.Spread()))
			}
			cells = append(cells, text)
		}
		best, paho := c.ratios(line)
		t.add(append(cells, times(best), times(paho))...)
	}
	t.print(w)
}

// CPU prints the processor seconds that a million messages cost the client, and
// how busy the sink was beside the fastest library.
func (c *Comparison) CPU(w io.Writer) {
	t := c.header("client CPU, seconds per million messages", "sink busy")
	for _, line := range c.Lines {
		cells := []string{line.Row.String()}
		for i := range line.Cells {
			cells = append(cells, digits(line.Cells[i].CPU()))
		}
		busy := math.NaN()
		if i := c.fastest(line, func(contender.Library) bool { return true }); i >= 0 {
			busy = line.Cells[i].SinkBusy()
		}
		t.add(append(cells, percent(busy))...)
	}
	t.print(w)
}

// Allocations prints the allocations per message.
func (c *Comparison) Allocations(w io.Writer) {
	t := c.header("allocations per message")
	for _, line := range c.Lines {
		cells := []string{line.Row.String()}
		for i := range line.Cells {
			cells = append(cells, digits(line.Cells[i].Allocs()))
		}
		t.add(cells...)
	}
	t.print(w)
}

func (c *Comparison) header(title string, more ...string) table {
	cells := []string{title}
	for _, lib := range c.Libraries {
		cells = append(cells, lib.Name)
	}
	return table{append(cells, more...)}
}

// ratios compares our rate with that of the best other library, and with that
// of paho.golang.
func (c *Comparison) ratios(line Line) (best, paho float64) {
	named := func(name string) func(contender.Library) bool {
		return func(l contender.Library) bool { return l.Name == name }
	}
	ours := c.fastest(line, named(OurName))
	other := c.fastest(line, func(l contender.Library) bool { return l.Name != OurName })
	return line.ratio(ours, other), line.ratio(ours, c.fastest(line, named(contender.PahoName)))
}

func (l *Line) ratio(a, b int) float64 {
	if a < 0 || b < 0 {
		return math.NaN()
	}
	return stats.Ratio(l.Cells[a].Rate(), l.Cells[b].Rate())
}

// fastest is the index of the fastest library, which the floor is not, or -1.
func (c *Comparison) fastest(line Line, among func(contender.Library) bool) int {
	best := -1
	for i, lib := range c.Libraries {
		if lib.Name == contender.FloorName || !among(lib) || !(line.Cells[i].Rate() > 0) {
			continue
		}
		if best < 0 || line.Cells[i].Rate() > line.Cells[best].Rate() {
			best = i
		}
	}
	return best
}
