package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// dashboard receives the readings.
type dashboard struct {
	client  *mqtt.Client
	changed chan struct{}

	mu   sync.Mutex
	list []string
}

func watch(ctx context.Context, url string) (*dashboard, error) {
	endpoint, err := direct.URL(url)
	if err != nil {
		return nil, err
	}
	d := &dashboard{changed: make(chan struct{}, 1)}
	d.client, err = mqtt.New(mqtt.Config{
		Endpoint:      endpoint,
		ClientID:      "dashboard",
		SessionExpiry: time.Hour,
		Reconnect:     mqtt.Backoff{Min: 50 * time.Millisecond, Max: 200 * time.Millisecond},
	})
	if err != nil {
		return nil, err
	}
	if err := d.client.Start(); err != nil {
		return nil, err
	}
	if _, err := d.client.SubscribeFunc(ctx, d.note, mqtt.Filter{Filter: topic, QoS: packet.QoS2}); err != nil {
		return nil, errors.Join(err, d.client.Close())
	}
	return d, nil
}

func (d *dashboard) close() error { return d.client.Close() }

func (d *dashboard) note(m mqtt.Message) {
	d.mu.Lock()
	d.list = append(d.list, string(m.Payload))
	d.mu.Unlock()
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

func (d *dashboard) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.list)
}

// await waits until so many readings are there.
func (d *dashboard) await(ctx context.Context, n int) error {
	for d.count() < n {
		select {
		case <-d.changed:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d readings have arrived: %w", d.count(), n, ctx.Err())
		}
	}
	return nil
}

// settle sends itself a message, which comes after all that the broker has for the dashboard, and takes it away.
func (d *dashboard) settle(ctx context.Context) error {
	const end = "the end"
	n := d.count()
	if _, err := d.client.Publish(ctx, mqtt.Publish{Topic: topic, Payload: []byte(end), QoS: packet.QoS2}); err != nil {
		return err
	}
	for {
		d.mu.Lock()
		last := len(d.list) - 1
		if last >= 0 && d.list[last] == end {
			d.list = d.list[:last]
			d.mu.Unlock()
			return nil
		}
		d.mu.Unlock()
		n++
		if err := d.await(ctx, n); err != nil {
			return err
		}
	}
}

// tally checks that the readings of every life came once each, in order, and none between them is missing. It returns
// how many there are of each life.
func (d *dashboard) tally(lives int) ([]int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	arrived := make([]int, lives)
	last := 0
	for i, payload := range d.list {
		var life, n int
		if _, err := fmt.Sscanf(payload, "%d/%d", &life, &n); err != nil || life < last || life >= lives {
			return nil, fmt.Errorf("reading %d is %q, after one of life %d", i, payload, last)
		}
		if n != arrived[life] {
			return nil, fmt.Errorf("of life %d, reading %d came where %d should have", life, n, arrived[life])
		}
		arrived[life]++
		last = life
	}
	return arrived, nil
}
