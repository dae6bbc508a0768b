package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/contender"
	"github.com/gneiss-mqtt/gneiss-go/bench/internal/measure"
	"github.com/gneiss-mqtt/gneiss-go/bench/internal/report"
	"github.com/gneiss-mqtt/gneiss-go/bench/internal/sink"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is main, and the start of the two kinds of child process.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case sink.ChildArg:
			return sink.Child(stdin, stdout)
		case measure.IdleArg:
			return measure.IdleChild(args[1:], stdout)
		}
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	return o.compare(stdout, stderr)
}

// options are the flags, with the defaults of -quick or of the thorough run.
type options struct {
	rounds   int
	duration time.Duration
	idle     int           // connections
	settle   time.Duration // before idle connections are measured
	rows     []measure.Row
	libs     []contender.Library
	profile  string // file for a processor profile of the client's process
}

func parse(args []string, stderr io.Writer) (*options, error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	quick := flags.Bool("quick", false, "the rows that matter most, in under a minute")
	rounds := flags.Int("rounds", 0, "rounds per row; the median counts (default 9, quick 7)")
	duration := flags.Duration("duration", 0, "length of one measurement (default 200ms, quick 100ms)")
	idle := flags.Int("idle", -1, "idle connections to measure the memory of; 0 for none (default 2000, quick 0)")
	rows := flags.String("rows", "", "measure only rows that match this regular `expression`, for example 'receive|QoS 1, 1000'")
	libs := flags.String("clients", "", "measure only clients that match this regular `expression`")
	profile := flags.String("cpuprofile", "", "write a processor profile of the clients to this `file`; best with -rows and -clients")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	o := &options{
		rounds: 9, duration: 200 * time.Millisecond, idle: 2000, settle: measure.IdleSettle,
		rows: measure.AllRows(), libs: contender.Libraries(),
	}
	if *quick {
		o.rounds, o.duration, o.idle, o.rows = 7, 100*time.Millisecond, 0, measure.QuickRows()
	}
	o.profile = *profile
	if *rounds != 0 {
		o.rounds = *rounds
	}
	if *duration != 0 {
		o.duration = *duration
	}
	if *idle >= 0 {
		o.idle = *idle
	}
	var err error
	if o.rows, err = matching(*rows, o.rows, measure.Row.String); err != nil {
		return nil, err
	}
	if o.libs, err = matching(*libs, o.libs, func(l contender.Library) string { return l.Name }); err != nil {
		return nil, err
	}
	switch {
	case o.rounds < 1:
		return nil, fmt.Errorf("%d rounds", o.rounds)
	case o.duration < time.Millisecond || o.duration > 10*time.Second:
		return nil, fmt.Errorf("duration %v is not between 1ms and 10s", o.duration)
	case len(o.libs) == 0:
		return nil, fmt.Errorf("no client matches %q", *libs)
	case len(o.rows) == 0 && o.idle == 0:
		return nil, fmt.Errorf("no row matches %q, and no idle connections are asked for", *rows)
	}
	return o, nil
}

func matching[T any](expression string, all []T, name func(T) string) ([]T, error) {
	pattern, err := regexp.Compile(expression)
	if err != nil {
		return nil, err
	}
	var kept []T
	for _, one := range all {
		if pattern.MatchString(name(one)) {
			kept = append(kept, one)
		}
	}
	return kept, nil
}

func (o *options) compare(stdout, stderr io.Writer) error {
	server, err := sink.Start()
	if err != nil {
		return err
	}
	defer server.Close()
	o.describe(stdout)

	stop, err := startProfile(o.profile)
	if err != nil {
		return err
	}
	defer stop()
	runner := &measure.Runner{Sink: server, Duration: o.duration}
	comparison := &report.Comparison{Libraries: o.libs}
	for i, row := range o.rows {
		fmt.Fprintf(stderr, "[%d/%d] %s\n", i+1, len(o.rows), row)
		comparison.Lines = append(comparison.Lines, report.Line{Row: row, Cells: runner.Row(o.libs, row, o.rounds)})
	}
	if len(o.rows) > 0 {
		for _, print := range []func(io.Writer){comparison.Rates, comparison.CPU, comparison.Allocations} {
			fmt.Fprintln(stdout)
			print(stdout)
		}
	}
	failures := comparison.Failures()
	if o.idle > 0 {
		fmt.Fprintln(stdout)
		failures = append(failures, o.idleCosts(stdout, stderr, server.Addr())...)
	}
	for _, failure := range failures {
		fmt.Fprintln(stdout, "error:", failure)
	}
	if len(failures) > 0 {
		return fmt.Errorf("%d measurements failed", len(failures))
	}
	return nil
}

func (o *options) describe(w io.Writer) {
	fmt.Fprintf(w, "%s %s/%s, %d CPUs; medians of %d rounds of about %v, interleaved; payload %d B unless said otherwise\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), o.rounds, o.duration, measure.DefaultPayload)
	for _, lib := range o.libs {
		fmt.Fprintf(w, "  %-18s %-9s MQTT %-6s outstanding by %s\n", lib.Name, lib.Version(), lib.Protocol, lib.Flight)
	}
}

func (o *options) idleCosts(stdout, stderr io.Writer, addr string) (failures []string) {
	var costs []report.IdleCost
	for i := range o.libs {
		lib := &o.libs[i]
		fmt.Fprintf(stderr, "[idle] %s\n", lib.Name)
		idle, err := measure.StartIdle(lib, addr, o.idle, o.settle)
		if err != nil {
			failures = append(failures, fmt.Sprintf("%s: %v", lib.Name, err))
		}
		costs = append(costs, report.IdleCost{Library: lib.Name, Idle: idle, Err: err})
	}
	report.Idle(stdout, o.idle, costs)
	return failures
}

// startProfile does nothing without a file name.
func startProfile(name string) (stop func(), err error) {
	if name == "" {
		return func() {}, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, nil
}
