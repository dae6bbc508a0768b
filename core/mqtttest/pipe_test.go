package mqtttest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// bubble runs a test where time passes at once, and a goroutine that is left fails it.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

func TestPipeCarriesBytes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, broker := Pipe(100)
		sent := make([]byte, 10_000)
		for i := range sent {
			sent[i] = byte(i * 31)
		}
		for _, ends := range [][2]*PipeConn{{client, broker}, {broker, client}} {
			go func() {
				for rest := sent; len(rest) > 0; {
					n := min(len(rest), 1+len(rest)%333)
					if n, err := ends[0].Write(rest[:n]); err != nil {
						t.Error(n, err)
					}
					rest = rest[n:]
				}
			}()
			got := make([]byte, len(sent))
			if _, err := io.ReadFull(ends[1], got); err != nil || !bytes.Equal(got, sent) {
				t.Errorf("%v, equal %v", err, bytes.Equal(got, sent))
			}
		}
	})
}

// Both sides may write before either reads, which locks up [net.Pipe].
func TestPipeIsBuffered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, broker := Pipe(0)
		for _, c := range []net.Conn{client, broker} {
			if n, err := c.Write(make([]byte, DefaultBuffer)); n != DefaultBuffer || err != nil {
				t.Error(n, err)
			}
		}
		if n := broker.Buffered(); n != DefaultBuffer {
			t.Errorf("%d bytes wait", n)
		}
		if n, err := client.Read(nil); n != 0 || err != nil {
			t.Errorf("an empty read: %d, %v", n, err)
		}
	})
}

// A full buffer makes a writer wait until there is room, one write at a time.
func TestPipeWritesWaitForRoom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, broker := Pipe(4)
		over := make(chan struct{}, 2)
		for _, b := range []byte("ab") {
			go func() {
				if _, err := client.Write(bytes.Repeat([]byte{b}, 8)); err != nil {
					t.Error(err)
				}
				over <- struct{}{}
			}()
		}
		synctest.Wait()
		if len(over) != 0 {
			t.Error("a write is over that does not fit")
		}
		got := make([]byte, 16)
		if _, err := io.ReadFull(broker, got); err != nil {
			t.Error(err)
		}
		<-over
		<-over
		if a := bytes.Repeat([]byte{got[0]}, 8); !bytes.Equal(got[:8], a) || bytes.Contains(got[8:], got[:1]) {
			t.Errorf("the writes are mixed: %q", got)
		}
	})
}

func TestPipeClose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, broker := Pipe(0)
		if _, err := client.Write([]byte("last words")); err != nil {
			t.Error(err)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		got, err := io.ReadAll(broker)
		if string(got) != "last words" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		for what, test := range map[string]struct {
			f    func([]byte) (int, error)
			want error
		}{
			"write to a closed end": {broker.Write, syscall.EPIPE},
			"read after close":      {client.Read, net.ErrClosed},
			"write after close":     {client.Write, net.ErrClosed},
		} {
			if _, err := test.f(make([]byte, 1)); !errors.Is(err, test.want) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// Close and Cut wake whoever waits.
func TestPipeWakesWaiters(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for name, test := range map[string]struct {
			end         func(client, broker *PipeConn)
			read, write error
		}{
			"own close":  {func(c, _ *PipeConn) { c.Close() }, net.ErrClosed, net.ErrClosed},
			"peer close": {func(_, b *PipeConn) { b.Close() }, io.EOF, syscall.EPIPE},
			"own cut":    {func(c, _ *PipeConn) { c.Cut() }, syscall.ECONNRESET, syscall.ECONNRESET},
			"peer cut":   {func(_, b *PipeConn) { b.Cut() }, syscall.ECONNRESET, syscall.ECONNRESET},
			"deadline":   {func(c, _ *PipeConn) { c.SetDeadline(time.Now().Add(time.Hour)) }, os.ErrDeadlineExceeded, os.ErrDeadlineExceeded},
		} {
			client, broker := Pipe(4)
			read, write := make(chan error), make(chan error)
			go func() { _, err := client.Read(make([]byte, 1)); read <- err }()
			go func() { _, err := client.Write(make([]byte, 9)); write <- err }()
			synctest.Wait()
			test.end(client, broker)
			if r, w := <-read, <-write; !errors.Is(r, test.read) || !errors.Is(w, test.write) {
				t.Errorf("%s: read %v, write %v", name, r, w)
			}
			client.Close()
		}
	})
}

// A deadline holds for one direction, may be moved, and does not outlive its removal.
func TestPipeDeadlines(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, broker := Pipe(4)
		one := make([]byte, 1)
		begun := time.Now()
		client.SetReadDeadline(begun.Add(time.Second))
		client.SetReadDeadline(begun.Add(3 * time.Second))
		if _, err := client.Read(one); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begun) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		if ne, ok := errors.AsType[net.Error](os.ErrDeadlineExceeded); !ok || !ne.Timeout() {
			t.Error("not a timeout")
		}
		if _, err := client.Write(one); err != nil {
			t.Errorf("writing under a read deadline: %v", err)
		}
		broker.Write(one)
		if _, err := client.Read(one); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a passed deadline is passed: %v", err)
		}
		client.SetReadDeadline(time.Time{})
		if _, err := client.Read(one); err != nil {
			t.Errorf("without a deadline: %v", err)
		}
		client.SetDeadline(time.Now().Add(-1))
		if _, err := client.Write(one); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a deadline in the past: %v", err)
		}
		client.SetDeadline(time.Now().Add(time.Second))
		client.SetDeadline(time.Time{})
		time.Sleep(time.Minute)
		if _, err := client.Write(one); err != nil {
			t.Errorf("a deadline that was taken back: %v", err)
		}
		client.Cut()
		client.SetDeadline(time.Now().Add(time.Hour)) // no timer is left behind
	})
}

func TestPipeStall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, broker := Pipe(0)
		broker.Stall(true)
		begun := time.Now()
		time.AfterFunc(time.Minute, func() { broker.Stall(false) })
		if _, err := client.Write([]byte("x")); err != nil || time.Since(begun) != time.Minute {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		if _, err := broker.Write([]byte("x")); err != nil {
			t.Error(err)
		}
	})
}

func TestPipeAddresses(t *testing.T) {
	t.Parallel()
	client, broker := Pipe(0)
	if client.LocalAddr() != broker.RemoteAddr() || client.RemoteAddr() != broker.LocalAddr() || client.LocalAddr() == client.RemoteAddr() ||
		client.LocalAddr().Network() != "pipe" || client.LocalAddr().String() != "client" {
		t.Errorf("%v %v %v %v", client.LocalAddr(), client.RemoteAddr(), broker.LocalAddr(), broker.RemoteAddr())
	}
}

// Not parallel: the runtime counts the allocations of all goroutines.
func TestPipeAllocatesNothing(t *testing.T) {
	client, broker := Pipe(0)
	go func() {
		buf := make([]byte, 100)
		for {
			n, err := broker.Read(buf)
			if err != nil {
				return
			}
			if _, err := broker.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 50)
	n := testing.AllocsPerRun(1000, func() {
		if _, err := client.Write(buf); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(client, buf); err != nil {
			t.Fatal(err)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
	client.Close()
}
