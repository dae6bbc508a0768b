package main

import (
	"os"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/samples/internal/asample"
)

func TestMain(m *testing.M) { os.Exit(asample.Main(m, main)) }

func TestSample(t *testing.T) {
	t.Parallel()
	cloud := asample.Cloud(t)
	asample.Run(t, cloud, "azure-dps", nil, "assigned to localhost:", "as sn-007", "sent a message")
	if s := cloud.Hub.Seen(); s.Telemetry != 1 || s.Refused != 0 {
		t.Errorf("%+v", s)
	}
}
