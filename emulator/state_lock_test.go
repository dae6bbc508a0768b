package emulator_test

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

// stateOfChild tells a copy of the test program whose directory to open.
const stateOfChild = "GNEISS_TEST_STATE_DIR"

// One server at a time has a directory: in this process or another one, also after one could not start, and killed
// processes leave no lock behind.
func TestStateDirIsForOne(t *testing.T) {
	if dir := os.Getenv(stateOfChild); dir != "" {
		holdState(t, dir)
		return
	}
	t.Parallel()
	switch runtime.GOOS {
	case "linux", "darwin", "windows", "freebsd", "netbsd", "openbsd":
	default:
		t.Skip("the system has no such locks")
	}
	dir := t.TempDir()
	taken := func(by string) {
		t.Helper()
		s, err := emulator.Start(emulator.Options{StateDir: dir})
		if err == nil {
			_ = s.Close()
		}
		if !errors.Is(err, emulator.ErrStateDir) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s has it: %v", by, err)
		}
	}

	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStateDirIsForOne$")
	child.Env = append(os.Environ(), stateOfChild+"="+dir)
	stdin, err1 := child.StdinPipe() // its end is the child's
	stdout, err2 := child.StdoutPipe()
	if err := errors.Join(err1, err2, child.Start()); err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "here\n" {
		t.Fatalf("the other process: %q %v", line, err)
	}
	taken("another process")
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed

	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	if _, err := emulator.Start(emulator.Options{StateDir: dir, TLSAddr: busy.Addr().String()}); err == nil || errors.Is(err, emulator.ErrStateDir) {
		t.Errorf("an address in use: %v", err)
	}

	s := start(t, emulator.Options{StateDir: dir}) // which the failure has not kept
	taken("this process")
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	taken("a server that may be restarted")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, emulator.Options{StateDir: dir})
}

// holdState is the child: it holds the directory until it is killed, or its parent is gone.
func holdState(t *testing.T, dir string) {
	s, err := emulator.Start(emulator.Options{StateDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = os.Stdout.WriteString("here\n")
	_, _ = os.Stdin.Read(make([]byte, 1))
	_ = s.Close()
}
