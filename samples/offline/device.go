package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/filestore"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

const topic = "sensor-7/readings"

// device takes count readings and hands them over for delivery, whether or not there is a network. It says "stored" when
// a reading is safe. It ends in order when its standard input does.
func device(ctx context.Context, args []string, in io.Reader, out io.Writer) (err error) {
	if len(args) != 4 {
		return errors.New("the device wants a URL, a folder, its life and a number of readings")
	}
	url, dir, life := args[0], args[1], args[2]
	count, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	store, err := filestore.Open(dir)
	if err != nil {
		return err
	}
	client, err := newDevice(url, store)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err = errors.Join(err, client.Shutdown(ending)) // and the store is closed
	}()
	if _, err := fmt.Fprintln(out, "restored", client.Stats().Restored); err != nil {
		return err
	}
	if err := client.Start(); err != nil {
		return err
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel() // whoever has switched it on wants it to end, or is gone
	}()
	for n := range count {
		// Enqueue returns when the reading is on the disk. From then on nothing but the loss of the disk can lose it.
		err := client.Enqueue(ctx, mqtt.Publish{Topic: topic, Payload: fmt.Appendf(nil, "%s/%d", life, n), QoS: packet.QoS2})
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, "stored", n+1); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}

// newDevice makes the device's client. The session store has the messages; the session expiry makes the broker
// remember how far their delivery was, which is what makes it exactly once.
func newDevice(url string, store mqtt.SessionStore) (*mqtt.Client, error) {
	endpoint, err := direct.URL(url)
	if err != nil {
		return nil, err
	}
	return mqtt.New(mqtt.Config{
		Endpoint:      endpoint,
		ClientID:      "sensor-7",
		SessionExpiry: 24 * time.Hour,
		Session:       store,
		Reconnect:     mqtt.Backoff{Min: 50 * time.Millisecond, Max: 200 * time.Millisecond}, // a real device has more time
	})
}
