package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// sink counts what arrives at the destination.
type sink struct {
	client  *mqtt.Client
	changed chan struct{}

	mu   sync.Mutex
	seen map[string]int
}

func receive(ctx context.Context, url string) (*sink, error) {
	client, err := connect(url, "consumer")
	if err != nil {
		return nil, err
	}
	s := &sink{client: client, changed: make(chan struct{}, 1), seen: make(map[string]int)}
	if _, err := client.SubscribeFunc(ctx, s.note, mqtt.Filter{Filter: "#", QoS: packet.QoS2}); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return s, nil
}

func (s *sink) note(m mqtt.Message) {
	s.mu.Lock()
	s.seen[string(m.Payload)]++
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// counts returns how many different messages have come, and how many came again.
func (s *sink) counts() (different, repeated int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.seen {
		repeated += n - 1
	}
	return len(s.seen), repeated
}

// await waits until so many different messages are there.
func (s *sink) await(ctx context.Context, b *bridge, n int) error {
	for {
		different, _ := s.counts()
		if different >= n {
			return nil
		}
		select {
		case <-s.changed:
		case err := <-b.failed:
			return err
		case <-ctx.Done():
			return fmt.Errorf("%d of %d messages have arrived: %w", different, n, ctx.Err())
		}
	}
}
