// Package asample runs the samples for Azure against an emulator of it, as programs of their own.
package asample

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/azure"
)

const asProgram = "GNEISS_SAMPLE"

// Main is for TestMain: the test's own binary is the sample where the environment says so.
func Main(m *testing.M, program func()) int {
	if os.Getenv(asProgram) != "" {
		program()
		return 0
	}
	return m.Run()
}

// Cloud starts an emulator.
func Cloud(t *testing.T) *azure.Cloud {
	t.Helper()
	cloud, err := azure.StartCloud(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cloud.Close(); err != nil {
			t.Error(err)
		}
	})
	return cloud
}

// output collects what a sample prints, and ends it once it has printed all that is wanted.
type output struct {
	text bytes.Buffer
	want []string
	done func()
}

// Write is called by one goroutine: both streams are this one.
func (o *output) Write(p []byte) (int, error) {
	o.text.Write(p)
	if o.done != nil && len(o.missing()) == 0 {
		o.done()
		o.done = nil
	}
	return len(p), nil
}

func (o *output) missing() (lines []string) {
	for _, line := range o.want {
		if !strings.Contains(o.text.String(), line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// Run runs a sample as the emulator says, with more arguments, of which -websocket chooses the
// way, until it has printed all that is wanted. Samples that end by
// themselves print that last.
func Run(t *testing.T, cloud *azure.Cloud, name string, args []string, want ...string) {
	t.Helper()
	over := make(chan struct{})
	close(over)
	RunUntil(t, cloud, name, args, over, want...)
}

// RunUntil is Run for a sample that has more to do than to print: it is not ended before over is closed.
func RunUntil(t *testing.T, cloud *azure.Cloud, name string, args []string, over <-chan struct{}, want ...string) {
	t.Helper()
	for _, r := range cloud.Runs() {
		if r.Sample != name || slices.Contains(r.Args, "-websocket") != slices.Contains(args, "-websocket") {
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, os.Args[0], append(r.Args, args...)...)
		cmd.Env = append(append(os.Environ(), r.Env...), asProgram+"=1")
		out := &output{want: want, done: func() {
			go func() {
				<-over
				_ = cmd.Process.Signal(os.Interrupt)
			}()
		}}
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Run(); err != nil && ctx.Err() != nil {
			t.Errorf("%s: %v", name, err)
		}
		if missing := out.missing(); len(missing) > 0 {
			t.Errorf("it did not print %q, but:\n%s", missing, out.text.String())
		}
		return
	}
	t.Fatalf("there is no sample %s", name)
}
