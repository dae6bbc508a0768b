package report

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/contender"
	"github.com/gneiss-mqtt/gneiss-go/bench/internal/measure"
)

func TestNumbers(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	for _, c := range []struct{ got, want string }{
		{rate(nan), "-"}, {rate(7), "7.00"}, {rate(905.4), "905"}, {rate(999.4), "999"}, {rate(999.6), "1.00k"},
		{rate(41_234), "41.2k"}, {rate(412_340), "412k"}, {rate(999_499), "999k"}, {rate(999_501), "1.00M"},
		{rate(3_824_000), "3.82M"}, {rate(28_400_000), "28.4M"},
		{digits(0), "0.00"}, {digits(9.994), "9.99"}, {digits(9.996), "10.0"}, {digits(99.94), "99.9"}, {digits(99.96), "100"},
		{digits(nan), "-"},
		{times(93.71), "93.7x"}, {times(nan), "-"},
		{percent(0.153), "15%"}, {percent(nan), "-"},
		{kib(6348.8), "6.2"}, {kib(-3), "0.0"}, {kib(nan), "-"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestTableAligns(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	tab := table{{"name", "a", "long"}}
	tab.add("x", "10 ±5%", "7")
	tab.add("longer", "1")
	tab.print(&b)
	want := "name         a  long\n" +
		"x       10 ±5%     7\n" +
		"longer       1\n"
	if b.String() != want {
		t.Errorf("%s", b.String())
	}
}

// cell is one round at a rate, or an error.
func cell(perSecond int, sinkBusy float64) measure.Cell {
	return measure.Cell{Results: []measure.Result{{
		Messages: perSecond, Elapsed: time.Second, CPU: 500 * time.Millisecond,
		SinkCPU: time.Duration(sinkBusy * float64(time.Second)), Allocs: uint64(2 * perSecond),
	}}}
}

func comparison(cells ...measure.Cell) *Comparison {
	var libs []contender.Library
	for _, name := range []string{OurName, contender.PahoName, "other", contender.FloorName} {
		libs = append(libs, contender.Library{Name: name})
	}
	return &Comparison{Libraries: libs, Lines: []Line{{measure.Row{Mode: measure.Receive, QoS: 1, Payload: 64}, cells}}}
}

func lastLine(print func(b *strings.Builder)) []string {
	var b strings.Builder
	print(&b)
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	return strings.Fields(lines[len(lines)-1])
}

func TestRatesAndRatios(t *testing.T) {
	t.Parallel()
	broken := measure.Cell{Err: errors.New("broken")}
	for name, c := range map[string]struct {
		cells []measure.Cell
		want  string
	}{
		"ours is fastest": {[]measure.Cell{cell(3_000_000, 0), cell(40_000, 0), cell(60_000, 0), cell(6_000_000, 0)},
			"receive QoS 1 3.00M 40.0k 60.0k 6.00M 50.0x 75.0x"},
		"ours is slow": {[]measure.Cell{cell(30_000, 0), cell(40_000, 0), cell(60_000, 0), cell(6_000_000, 0)},
			"receive QoS 1 30.0k 40.0k 60.0k 6.00M 0.50x 0.75x"},
		"ours fails": {[]measure.Cell{broken, cell(40_000, 0), cell(60_000, 0), cell(6_000_000, 0)},
			"receive QoS 1 error 40.0k 60.0k 6.00M - -"},
		"paho fails": {[]measure.Cell{cell(120_000, 0), broken, cell(60_000, 0), cell(6_000_000, 0)},
			"receive QoS 1 120k error 60.0k 6.00M 2.00x -"},
		"only the floor": {[]measure.Cell{broken, broken, broken, cell(6_000_000, 0)},
			"receive QoS 1 error error error 6.00M - -"},
	} {
		got := lastLine(func(b *strings.Builder) { comparison(c.cells...).Rates(b) })
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestRatesShowTheSpreadOfSeveralRounds(t *testing.T) {
	t.Parallel()
	c := cell(1000, 0)
	c.Results = append(c.Results, cell(900, 0).Results[0], cell(1100, 0).Results[0])
	got := lastLine(func(b *strings.Builder) { comparison(c, c, c, c).Rates(b) })
	if !slices.Contains(got, "±10%") {
		t.Errorf("%q", got)
	}
}

func TestCPUShowsTheSinkBesideTheFastestLibrary(t *testing.T) {
	t.Parallel()
	c := comparison(cell(500_000, 0.3), cell(250_000, 0.1), cell(100_000, 0.2), cell(1_000_000, 0.9))
	got := lastLine(func(b *strings.Builder) { c.CPU(b) })
	if want := "receive QoS 1 1.00 2.00 5.00 0.50 30%"; strings.Join(got, " ") != want {
		t.Errorf("%q, want %q", got, want)
	}
	got = lastLine(func(b *strings.Builder) { c.Allocations(b) })
	if want := "receive QoS 1 2.00 2.00 2.00 2.00"; strings.Join(got, " ") != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFailuresNameTheCell(t *testing.T) {
	t.Parallel()
	c := comparison(cell(1, 0), measure.Cell{Err: errors.New("lost 3")}, cell(1, 0), cell(1, 0))
	if got := c.Failures(); !slices.Equal(got, []string{"receive QoS 1, paho.golang: lost 3"}) {
		t.Errorf("%q", got)
	}
}

func TestIdle(t *testing.T) {
	t.Parallel()
	fresh := measure.Footprint{Resident: 6144, Heap: 2048, Stack: 2048, Goroutines: 1}
	used := measure.Footprint{Resident: 8192, Heap: 3072, Stack: 4096, Goroutines: 3}
	var b strings.Builder
	Idle(&b, 50, []IdleCost{{Library: "a", Idle: measure.Idle{Fresh: fresh, Used: used}}, {Library: "b", Err: errors.New("x")}})
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if got := strings.Join(strings.Fields(lines[1]), " "); got != "a 6.0 2.0 2.0 1.00 8.0 3.0 4.0 3.00" {
		t.Errorf("%q", got)
	}
	if got := strings.Join(strings.Fields(lines[2]), " "); got != "b error" {
		t.Errorf("%q", got)
	}
}
