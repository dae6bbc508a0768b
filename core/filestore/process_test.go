package filestore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/filestore"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// childDir tells the test binary that it is the other process.
const childDir = "FILESTORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// child applies batches for ever and says which are done. Batch i sets key 0 to i and replaces one of a hundred values.
func child(dir string) {
	s, err := filestore.Open(dir, func(o *filestore.Options) { o.MinCompact = 10_000 })
	if err != nil {
		fmt.Println(err)
		return
	}
	last := 0
	err = s.Load(func(key uint64, value []byte) error {
		if key == 0 {
			last, err = strconv.Atoi(string(value))
		}
		return err
	})
	for i := last + 1; err == nil; i++ {
		text := strconv.Itoa(i)
		err = s.Apply([]mqtt.Change{put(0, text), put(uint64(1+i%100), strings.Repeat(text+" ", 20))})
		if err == nil {
			fmt.Println(i)
		}
	}
	fmt.Println(err)
}

// Two processes cannot have a store. One that is killed at any moment leaves it to the next with all it has confirmed.
func TestProcesses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	confirmed := 0
	for life := range 5 {
		confirmed = killedChild(t, dir, 40+life*7)
		var found []filestore.Damage
		s, err := filestore.Open(dir, func(o *filestore.Options) {
			o.OnDamage = func(d filestore.Damage) { found = append(found, d) }
		})
		if err != nil {
			t.Fatalf("life %d: %v", life, err)
		}
		for _, d := range found {
			if !d.Torn {
				t.Errorf("life %d: %s", life, d)
			}
		}
		got := load(t, s)
		last, err := strconv.Atoi(got[0])
		if err != nil || last < confirmed || last > confirmed+1 {
			t.Fatalf("life %d: the last batch is %q, confirmed was %d", life, got[0], confirmed)
		}
		for i := max(1, last-99); i <= last; i++ {
			if want := strings.Repeat(strconv.Itoa(i)+" ", 20); got[uint64(1+i%100)] != want {
				t.Fatalf("life %d: batch %d left %q", life, i, got[uint64(1+i%100)])
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if confirmed < 100 {
		t.Errorf("only %d batches", confirmed)
	}
}

// killedChild runs another process on the store until it has made so many batches, kills it, and returns the last one
// it confirmed.
func killedChild(t *testing.T, dir string, batches int) (confirmed int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		if confirmed, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatalf("the other process says %q", lines.Text())
		}
		if n == 1 {
			if _, err := filestore.Open(dir); !errors.Is(err, filestore.ErrLocked) {
				t.Errorf("Open beside another process returned %v", err)
			}
		}
		if n == batches {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // killed
	if ctx.Err() != nil {
		t.Fatal("the other process takes too long")
	}
	return confirmed
}

// Nor can two stores of one process. A lock left behind by nobody is none.
func TestLock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 3 {
		s := open(t, dir)
		_, err := filestore.Open(dir)
		if e, ok := errors.AsType[*filestore.Error](err); !ok || !errors.Is(err, filestore.ErrLocked) || e.Op != "lock" {
			t.Fatalf("second Open returned %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"", "no number", strconv.Itoa(os.Getpid())} {
		if err := os.WriteFile(dir+"/session.lock", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := open(t, dir).Close(); err != nil {
			t.Fatal(err)
		}
	}
}
