// Package lab runs samples against an emulator of AWS IoT Core in the same process.
package lab

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

// limit is how long anything may take that should happen at once.
const limit = 60 * time.Second

// Start starts an emulator that lives as long as the test.
func Start(t *testing.T) *emulator.Server {
	t.Helper()
	srv, err := emulator.Start(emulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	return srv
}

// Device registers a thing and returns the flags by which a sample connects as it.
func Device(t *testing.T, srv *emulator.Server, thing string) []string {
	t.Helper()
	d, err := srv.Device(thing)
	if err != nil {
		t.Fatal(err)
	}
	files, err := d.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return []string{"-endpoint", srv.Endpoint(), "-ca", files.CA, "-cert", files.Cert, "-key", files.Key}
}

// Program is a sample that runs.
type Program struct {
	t      *testing.T
	cancel context.CancelFunc
	over   chan error
	mu     sync.Mutex
	out    bytes.Buffer
}

// Run runs a sample until Stop or the end of the test.
func Run(t *testing.T, run func(context.Context, []string, io.Writer) error, args ...string) *Program {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	p := &Program{t: t, cancel: cancel, over: make(chan error, 1)}
	go func() { p.over <- run(ctx, args, p) }()
	t.Cleanup(func() { _ = p.Stop() })
	return p
}

// Write takes what the program prints.
func (p *Program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

// Output is what the program has printed.
func (p *Program) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// Stop is Ctrl-C: it waits for the end and returns the error.
func (p *Program) Stop() error {
	p.cancel()
	return p.Wait()
}

// Wait waits for the end and returns the error.
func (p *Program) Wait() error {
	p.t.Helper()
	err := <-p.over
	p.over <- err
	return err
}

// Prints waits until the program has printed a text.
func (p *Program) Prints(text string) {
	p.t.Helper()
	Until(p.t, func() bool { return strings.Contains(p.Output(), text) }, func() string { return p.Output() })
}

// Until waits for a condition; what says how things stand when it does not come.
func Until(t *testing.T, ok func() bool, what func() string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("it does not come to that: %s", what())
		}
	}
}
