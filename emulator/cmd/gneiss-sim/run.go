package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/sim"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// settings are the command line.
type settings struct {
	seeds   int
	first   uint64
	one     uint64
	single  bool
	trace   bool
	long    time.Duration
	workers int
	tail    int
	keep    int
	profile string
}

func parse(args []string, stderr io.Writer) (set settings, err error) {
	fs := flag.NewFlagSet("gneiss-sim", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.IntVar(&set.seeds, "seeds", 100, "how many seeds to live")
	fs.Uint64Var(&set.first, "first", 1, "the first of the seeds")
	fs.Uint64Var(&set.one, "seed", 0, "live this seed alone, and print the last events where it fails")
	fs.BoolVar(&set.trace, "trace", false, "with -seed: print all that happens")
	fs.DurationVar(&set.long, "long", 0, "live seeds for as long as this, such as 8h, instead of a number of them")
	fs.IntVar(&set.workers, "workers", 0, "seeds at the same time (default: one for each processor)")
	fs.IntVar(&set.tail, "tail", 60, "how many of the last events of a failing seed are printed")
	fs.IntVar(&set.keep, "failures", 5, "how many failing seeds are printed")
	fs.StringVar(&set.profile, "cpuprofile", "", "write a CPU profile to this file")
	if err := fs.Parse(args); err != nil {
		return set, err
	}
	fs.Visit(func(f *flag.Flag) { set.single = set.single || f.Name == "seed" })
	switch {
	case fs.NArg() > 0:
		return set, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	case set.trace && !set.single:
		return set, errors.New("-trace needs -seed")
	case set.seeds < 1 || set.long < 0 || set.tail < 0 || set.keep < 0 || set.workers < 0:
		return set, errors.New("numbers must not be negative, and -seeds is at least 1")
	}
	return set, nil
}

// run lives what was asked for, and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	set, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintln(stderr, "gneiss-sim:", err)
		return exitUsage
	}
	if set.profile != "" {
		stop, err := profile(set.profile)
		if err != nil {
			fmt.Fprintln(stderr, "gneiss-sim:", err)
			return exitUsage
		}
		defer stop()
	}
	if set.single {
		return single(&set, stdout)
	}
	return many(ctx, &set, stdout)
}

func profile(name string) (stop func(), err error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		f.Close()
	}, nil
}

func single(set *settings, stdout io.Writer) int {
	out := bufio.NewWriter(stdout)
	defer out.Flush()
	var r sim.Result
	if set.trace {
		r = sim.Run(set.one, out)
	} else {
		r = sim.Run(set.one, nil)
	}
	r.Print(out)
	fmt.Fprintf(out, "\nhash %016x\n", r.Hash)
	if r.Violation == nil {
		return exitOK
	}
	fmt.Fprintln(out, "\nVIOLATION", r.Violation)
	if !set.trace { // with it the whole story is above
		printTail(out, set.one, set.tail)
	}
	return exitFailure
}

func printTail(out io.Writer, seed uint64, lines int) {
	for _, line := range sim.Tail(seed, lines) {
		fmt.Fprintln(out, "  |", line)
	}
}

func many(ctx context.Context, set *settings, stdout io.Writer) int {
	seeds := set.seeds
	if set.long > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, set.long)
		defer cancel()
		seeds = 0
	}
	begin, shown := time.Now(), 0
	fleet := sim.Fleet{First: set.first, Seeds: seeds, Workers: set.workers, Done: func(seed uint64, r *sim.Result) {
		if r.Violation == nil {
			return
		}
		if shown++; shown > set.keep {
			return
		}
		fmt.Fprintf(stdout, "VIOLATION %v\n  replay: go run ./emulator/cmd/gneiss-sim -seed %d\n", r.Violation, seed)
		printTail(stdout, seed, set.tail)
	}}
	total := fleet.Run(ctx)
	total.Print(stdout)
	fmt.Fprintln(stdout, "\n"+total.PerSecond(time.Since(begin)))
	if total.Violations > 0 {
		return exitFailure
	}
	return exitOK
}
