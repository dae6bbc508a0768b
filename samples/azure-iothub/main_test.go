package main

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/azure"
	"github.com/gneiss-mqtt/gneiss-go/samples/internal/asample"
)

func TestMain(m *testing.M) { os.Exit(asample.Main(m, main)) }

func TestSample(t *testing.T) {
	t.Parallel()
	cloud := asample.Cloud(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	called, over := make(chan string, 1), make(chan struct{})
	go func() { // as soon as the device is there
		defer close(over)
		defer close(called)
		for ctx.Err() == nil {
			if _, body, err := cloud.Hub.Invoke(ctx, azure.CloudDevice, "reboot", []byte("now")); err == nil {
				called <- string(body)
				return
			}
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	asample.RunUntil(t, cloud, "azure-iothub", []string{"-for", "1m"}, over, "connected as pump-7", "method reboot: now", "desired, version 1", `sent {"reading":1}`)
	if body := <-called; body != `{"done":"reboot"}` {
		t.Errorf("the method answered %q", body)
	}
	asample.Run(t, cloud, "azure-iothub", []string{"-websocket"}, "connected as pump-7", `sent {"reading":1}`)
	if r := cloud.Hub.Reported(azure.CloudDevice); r != `{"firmware":"1.4.2"}` {
		t.Errorf("it reported %s", r)
	}
}
