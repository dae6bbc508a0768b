package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// process is the device from outside.
type process struct {
	cmd      *exec.Cmd
	plug     io.Closer     // its standard input
	read     chan struct{} // closed when it has ended, and all that it said is read
	restored atomic.Int64  // what it found in its store; -1 until it has said so
	stored   atomic.Int64  // readings it has promised to deliver
	changed  chan struct{}
	kill     func() error // at once: SIGKILL where there are signals, TerminateProcess on Windows
}

// switchOn starts the device. Its life tells its readings from those of other lives.
func switchOn(ctx context.Context, url, dir string, life, readings int) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{read: make(chan struct{}), changed: make(chan struct{}, 1)}
	p.restored.Store(-1)
	p.cmd = exec.CommandContext(ctx, program, deviceWord, url, dir, strconv.Itoa(life), strconv.Itoa(readings))
	p.cmd.Stderr = os.Stderr
	if p.plug, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.kill = sync.OnceValue(p.cmd.Process.Kill)
	go p.listen(out)
	return p, nil
}

// listen notes what the device says. What it said before it was killed is in the pipe, and counts.
func (p *process) listen(out io.Reader) {
	defer close(p.read)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var word string
		var n int64
		if _, err := fmt.Sscan(lines.Text(), &word, &n); err != nil {
			continue // a line that was cut off promises nothing
		}
		switch word {
		case "restored":
			p.restored.Store(n)
		case "stored":
			p.stored.Store(n)
		}
		select {
		case p.changed <- struct{}{}:
		default:
		}
	}
}

// await waits until the device has said something that fulfils a condition.
func (p *process) await(ctx context.Context, what string, ok func() bool) error {
	for !ok() {
		select {
		case <-p.changed:
		case <-p.read:
			if ok() {
				return nil
			}
			return fmt.Errorf("the device has ended before %s", what)
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, ctx.Err())
		}
	}
	return nil
}

// cut ends the process without warning, if nobody has.
func (p *process) cut() error {
	err := p.kill()
	<-p.read
	_ = p.cmd.Wait() // it was killed
	if errors.Is(err, os.ErrProcessDone) {
		return errors.New("the device has ended by itself")
	}
	return err
}

// shutDown asks the device to end in order.
func (p *process) shutDown() error {
	if err := p.plug.Close(); err != nil {
		return err
	}
	<-p.read
	return p.cmd.Wait()
}

// fuse cuts the power when the broker takes a certain reading. It does so inside the broker, or the whole delivery could be
// over before this program has a processor to notice its beginning.
type fuse struct {
	left   atomic.Int64 // readings until then; not above 0: never
	device atomic.Pointer[process]
}

func (f *fuse) set(p *process, readings int) {
	f.device.Store(p)
	f.left.Store(int64(readings))
}

// taken is the broker's hook for each message.
func (f *fuse) taken(broker.Instant, *broker.Client, *packet.Publish) broker.PublishDecision {
	if f.left.Add(-1) == 0 {
		_ = f.device.Load().kill() // cut reports it
	}
	return broker.PublishDecision{}
}
