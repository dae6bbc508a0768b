package main

import (
	"errors"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/samples/internal/lab"
)

func TestRPC(t *testing.T) {
	t.Parallel()
	srv, err := emulator.Start(emulator.Options{Profile: emulator.Generic})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	call := func(args ...string) (string, error) {
		p := lab.Run(t, run, append([]string{"-url", srv.URL()}, args...)...)
		err := p.Wait()
		return p.Output(), err
	}
	if _, err := call("upper", "hello"); !errors.Is(err, reqres.ErrNobody) {
		t.Errorf("got %v", err)
	}
	for range 2 {
		lab.Run(t, run, "-url", srv.URL(), "-serve", "-group", "g").Prints("serving")
	}
	for _, c := range [][3]string{{"upper", "hello", "HELLO\n"}, {"reverse", "höllo", "ollöh\n"}, {"sing", "la", "there is no function sing\n"}} {
		if out, err := call(c[0], c[1]); err != nil || out != c[2] {
			t.Errorf("%s(%q): got %q, %v", c[0], c[1], out, err)
		}
	}
	if _, err := call("upper"); err == nil {
		t.Error("no error without an argument")
	}
}
