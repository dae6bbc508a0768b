package main

import (
	"os"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/samples/internal/asample"
)

func TestMain(m *testing.M) { os.Exit(asample.Main(m, main)) }

// The sample gets its token from azidentity itself, which asks the emulator's managed identity.
func TestSample(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"-websocket"}} {
		cloud := asample.Cloud(t)
		asample.Run(t, cloud, "azure-eventgrid", args, "connected as line-4", "received on factory/line-4/hello: hello from Go", "authenticated anew")
		if s := cloud.Grid.Seen(); s.Attempts != 1 || s.Accepted != 1 {
			t.Errorf("%v: %+v", args, s)
		}
	}
}
