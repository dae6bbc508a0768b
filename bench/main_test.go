package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/contender"
	"github.com/gneiss-mqtt/gneiss-go/bench/internal/measure"
	"github.com/gneiss-mqtt/gneiss-go/bench/internal/sink"
)

// TestMain makes the test binary a child process too, through the same door as
// the program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == sink.ChildArg || os.Args[1] == measure.IdleArg) {
		if err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestWholeRun(t *testing.T) {
	t.Parallel()
	var out, progress strings.Builder
	args := []string{"-quick", "-rounds", "2", "-duration", "2ms", "-idle", "2", "-rows", "QoS 1, 100 outstanding|receive QoS 0"}
	o, err := parse(args, &progress)
	if err != nil {
		t.Fatal(err)
	}
	o.settle = time.Millisecond
	if err := o.compare(&out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	text := out.String()
	for _, lib := range contender.Libraries() {
		// The list, three tables and the idle table.
		if n := strings.Count(text, lib.Name); n < 5 {
			t.Errorf("%q appears %d times", lib.Name, n)
		}
	}
	for _, want := range []string{
		"publish QoS 1, 100 outstanding", "receive QoS 0", "messages per second", "ours / best other", "ours / paho.golang",
		"seconds per million messages", "sink busy", "allocations per message", "one of 2 idle connections",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if strings.Contains(text, "error") || strings.Contains(text, "publish QoS 0") {
		t.Error("unexpected text")
	}
	if t.Failed() {
		t.Log(text)
	}
	if !strings.Contains(progress.String(), "[2/2] receive QoS 0") {
		t.Errorf("progress %q", progress.String())
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	var usage strings.Builder
	quick, err := parse([]string{"-quick"}, &usage)
	if err != nil || len(quick.rows) != len(measure.QuickRows()) || quick.idle != 0 || len(quick.libs) != len(contender.Libraries()) {
		t.Errorf("%+v, %v", quick, err)
	}
	all, err := parse(nil, &usage)
	if err != nil || len(all.rows) != len(measure.AllRows()) || all.idle == 0 || all.rounds <= quick.rounds || all.duration <= quick.duration {
		t.Errorf("%+v, %v", all, err)
	}
	some, err := parse([]string{"-quick", "-idle", "5", "-clients", "paho", "-rows", "receive"}, &usage)
	if err != nil || len(some.rows) != 2 || len(some.libs) != 2 || some.idle != 5 {
		t.Errorf("%+v, %v", some, err)
	}
	for _, args := range [][]string{
		{"-fast"}, {"quick"}, {"-rounds", "-1"}, {"-duration", "1us"}, {"-duration", "1h"}, {"-rows", "("}, {"-clients", "nobody"},
		{"-rows", "nothing", "-idle", "0"}, {"-quick", "-rows", "nothing"},
	} {
		if _, err := parse(args, &usage); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}

// The estimate that the command's documentation gives, from the time that is
// measured and what a cell needs besides.
func TestQuickIsQuick(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"-quick"}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	cells := len(o.rows) * len(o.libs) * o.rounds
	if measured := time.Duration(cells) * o.duration; measured > 35*time.Second {
		t.Errorf("-quick measures for %v alone", measured)
	}
}
