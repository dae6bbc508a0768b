package measure

import (
	"os"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/sink"
)

func TestMain(m *testing.M) {
	var err error
	switch {
	case len(os.Args) > 1 && os.Args[1] == sink.ChildArg:
		err = sink.Child(os.Stdin, os.Stdout)
	case len(os.Args) > 1 && os.Args[1] == IdleArg:
		err = IdleChild(os.Args[2:], os.Stdout)
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		panic(err)
	}
}

func startSink(t *testing.T) sink.Control {
	t.Helper()
	server, err := sink.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}
