package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

// end runs the program as a shell would.
func end(t *testing.T, stdin string, args ...string) (out, log string, err error) {
	t.Helper()
	var o, l bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err = run(ctx, args, strings.NewReader(stdin), &o, &l)
	return o.String(), l.String(), err
}

func TestPublishAndSubscribe(t *testing.T) {
	t.Parallel()
	srv, err := emulator.Start(emulator.Options{Profile: emulator.Generic, Addr: "127.0.0.1:0", TLSAddr: "127.0.0.1:0", RequireClientCert: true})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	certs, err := srv.WriteCerts(t.TempDir(), "me")
	if err != nil {
		t.Fatal(err)
	}
	tls := []string{"-url", "mqtts://" + srv.TLSAddr(), "-ca", certs.CA, "-cert", certs.Cert, "-key", certs.Key}
	for _, version := range []string{"5", "3.1.1"} {
		for name, to := range map[string][]string{"tcp": {"-url", "mqtt://" + srv.Addr()}, "tls": tls} {
			t.Run(version+"/"+name, func(t *testing.T) {
				args := append([]string{"-version", version, "-qos", "2", "-topic", "t/" + version + name}, to...)
				if _, log, err := end(t, "", append(args, "-message", "kept", "-retain")...); err != nil {
					t.Fatal(err, log)
				}
				out, log, err := end(t, "", append(args, "-sub", "-count", "1")...)
				if want := "t/" + version + name + " kept\n"; err != nil || out != want {
					t.Fatalf("got %q, %v, want %q\n%s", out, err, want, log)
				}
			})
		}
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	got := make(chan string, 3)
	srv, err := emulator.Start(emulator.Options{Profile: emulator.Generic})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	go func() {
		reader, writer := io.Pipe()
		defer writer.Close()
		go func() {
			buf := make([]byte, 100)
			for {
				n, err := reader.Read(buf)
				if err != nil {
					return
				}
				got <- string(buf[:n])
			}
		}()
		_ = run(t.Context(), []string{"-url", srv.URL(), "-sub", "-topic", "lines", "-count", "2", "-id", "s"}, nil, writer, io.Discard)
	}()
	for deadline := time.Now().Add(10 * time.Second); srv.Stats().Subscriptions == 0; {
		if time.Now().After(deadline) {
			t.Fatal("nobody subscribed")
		}
		if err := srv.Publish(packet.Publish{Topic: "other"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, log, err := end(t, "one\ntwo\n", "-url", srv.URL(), "-topic", "lines", "-qos", "1", "-id", "p"); err != nil {
		t.Fatal(err, log)
	}
	for _, want := range []string{"lines one\n", "lines two\n"} {
		select {
		case line := <-got:
			if line != want {
				t.Errorf("got %q, want %q", line, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%q did not come", want)
		}
	}
}

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{}, {"-topic", "t", "extra"}, {"-topic", "t", "-qos", "3"}, {"-topic", "t", "-version", "4"},
		{"-topic", "t", "-cert", "c"}, {"-topic", "t", "-sub", "-message", "m"}, {"-topic", "t", "-count", "2"}, {"-nonsense"},
	} {
		_, log, err := end(t, "", args...)
		if err != errUsage || !strings.Contains(log, "-topic") {
			t.Errorf("%q: %v\n%s", args, err, log)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, log, err := end(t, "", "-url", "mqtt://127.0.0.1:1", "-topic", "t", "-message", "m", "-timeout", "300ms", "-user", "u", "-password-file", secret)
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(log+err.Error(), "hunter2") {
		t.Errorf("the password was printed: %s %v", log, err)
	}
}
