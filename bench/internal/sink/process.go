package sink

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Process is a sink in a child process.
type Process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	addr  string

	mu  sync.Mutex
	enc *json.Encoder
	dec *json.Decoder
}

// Start runs this program again as a sink: with [ChildArg] as its only
// argument.
func Start() (*Process, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	p := &Process{cmd: exec.Command(path, ChildArg)}
	p.cmd.Stderr = os.Stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	p.enc, p.dec = json.NewEncoder(p.stdin), json.NewDecoder(stdout)
	var hello reply
	if err := p.dec.Decode(&hello); err != nil {
		return nil, errors.Join(fmt.Errorf("sink: the child did not start: %w", err), p.Close())
	}
	p.addr = hello.Addr
	return p, nil
}

// Addr implements [Control].
func (p *Process) Addr() string { return p.addr }

// Await implements [Control].
func (p *Process) Await(clientID string, published, pubacks uint64, timeout time.Duration) (Counts, error) {
	r, err := p.ask(request{ClientID: clientID, Published: published, Pubacks: pubacks, Timeout: timeout})
	return r.Counts, err
}

// CPU implements [Control].
func (p *Process) CPU() (time.Duration, error) {
	r, err := p.ask(request{})
	return r.CPU, err
}

func (p *Process) ask(q request) (reply, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var r reply
	if err := p.enc.Encode(q); err != nil {
		return r, fmt.Errorf("sink: the child is gone: %w", err)
	}
	if err := p.dec.Decode(&r); err != nil {
		return r, fmt.Errorf("sink: the child is gone: %w", err)
	}
	if r.Err != "" {
		return r, errors.New(r.Err)
	}
	return r, nil
}

// Close ends the child and waits for it.
func (p *Process) Close() error {
	_ = p.stdin.Close() // its end of input
	timer := time.AfterFunc(5*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("sink: %w", err)
	}
	return nil
}
