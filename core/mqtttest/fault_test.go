package mqtttest

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
)

func TestCutRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, broker := Pipe(0)
		cut := CutRead(client, 5)
		broker.Write([]byte("12345678"))
		got := make([]byte, 3)
		for _, want := range []string{"123", "45"} {
			if n, err := cut.Read(got); err != nil || string(got[:n]) != want {
				t.Errorf("%q, %v", got[:n], err)
			}
		}
		wantCut(t, cut, broker)
	})
}

func TestCutWrite(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, broker := Pipe(0)
		cut := CutWrite(client, 5)
		if n, err := cut.Write([]byte("123")); n != 3 || err != nil {
			t.Error(n, err)
		}
		if n, err := cut.Write([]byte("45678")); n != 2 || !errors.Is(err, syscall.ECONNRESET) {
			t.Error(n, err)
		}
		if got, err := io.ReadAll(broker); string(got) != "12345" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		wantCut(t, cut, broker)
	})
}

// wantCut wants both directions to be over.
func wantCut(t *testing.T, cut net.Conn, broker *PipeConn) {
	t.Helper()
	for range 2 {
		if _, err := cut.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read: %v", err)
		}
		if _, err := cut.Write(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("write: %v", err)
		}
	}
	if _, err := broker.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the broker reads %v", err)
	}
}

// Within the limits nothing changes, and a read that waits learns of a cut by a write.
func TestCutWhileReading(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, broker := Pipe(0)
		cut := CutWrite(client, 0)
		over := make(chan error)
		go func() { _, err := cut.Read(make([]byte, 1)); over <- err }()
		if n, err := cut.Write([]byte("x")); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
			t.Error(n, err)
		}
		if err := <-over; !errors.Is(err, syscall.ECONNRESET) {
			t.Error(err)
		}
		if _, err := broker.Read(make([]byte, 1)); err != io.EOF {
			t.Error(err)
		}
	})
}

func TestSplit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, broker := Pipe(0)
		split := Split(client, 2)
		broker.Write([]byte("12345"))
		broker.Close()
		got := make([]byte, 10)
		for _, want := range []string{"12", "34", "5"} {
			if n, err := split.Read(got); err != nil || string(got[:n]) != want {
				t.Errorf("%q, %v", got[:n], err)
			}
		}
		if _, err := split.Read(got); err != io.EOF {
			t.Error(err)
		}
	})
}
