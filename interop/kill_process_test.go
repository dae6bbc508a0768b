package interop

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// mortal is a life of the other process, from outside.
type mortal struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	ready chan struct{} // it has connected, in its first life, and sends
	read  chan struct{} // all it said is noted
}

// bear starts the other process.
func (k *killing) bear(t testing.TB) {
	t.Helper()
	s := childSetup{URL: "mqtt://" + k.broker.TCP, Dir: k.dir, Life: k.life(), Messages: make([]int, lanes)}
	for lane := range lanes {
		s.Messages[lane] = k.perLane - k.sentUp(lane)
	}
	text, err := json.Marshal(s)
	must(t, err)
	program, err := os.Executable()
	must(t, err)
	m := &mortal{cmd: exec.Command(program), ready: make(chan struct{}), read: make(chan struct{})}
	m.cmd.Env = append(os.Environ(), killChild+"="+string(text))
	m.cmd.Stderr = os.Stderr
	m.in, err = m.cmd.StdinPipe()
	must(t, err)
	out, err := m.cmd.StdoutPipe()
	must(t, err)
	must(t, m.cmd.Start())
	k.child = m
	go k.listen(t, m, out)
	select {
	case <-m.ready:
	case <-m.read:
		t.Fatalf("life %d has ended", s.Life)
	case <-within(t).Done():
		t.Fatalf("life %d is not ready", s.Life)
	}
}

// listen notes what a life says.
func (k *killing) listen(t testing.TB, m *mortal, out io.Reader) {
	defer close(m.read)
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return // a line that was cut off says nothing
		}
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "ready":
			close(m.ready)
		case "stored":
			k.up.promise(rest)
		case "acked":
			k.up.acknowledged(rest)
		case "refused":
			k.up.refuse(rest)
		case "got":
			var topic string
			var again bool
			if _, err := fmt.Sscan(rest, &topic, &again); err != nil {
				t.Errorf("the other process says %q", line)
			}
			k.down.arrive(topic, again)
		case "restored":
			var n int
			if _, err := fmt.Sscan(rest, &n); err != nil {
				t.Errorf("the other process says %q", line)
			}
			k.restored.Add(int64(n))
		default:
			t.Errorf("the other process: %s", line)
		}
	}
}

// kill ends a life with SIGKILL, or what the system has for it.
func (m *mortal) kill(t testing.TB) {
	t.Helper()
	err := m.cmd.Process.Kill()
	<-m.read
	_ = m.cmd.Wait() // killed
	if errors.Is(err, os.ErrProcessDone) {
		t.Fatal("the other process has ended by itself")
	}
	must(t, err)
}

// finish lets a life send the ends of its lanes.
func (m *mortal) finish(t testing.TB) {
	t.Helper()
	_, err := io.WriteString(m.in, "finish\n")
	must(t, err)
}

// shutDown ends a life in order.
func (m *mortal) shutDown(t testing.TB) {
	t.Helper()
	must(t, m.in.Close())
	<-m.read
	must(t, m.cmd.Wait())
}
