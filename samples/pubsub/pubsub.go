package main

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// subscribe prints messages until there are enough, or ctx ends.
func subscribe(ctx context.Context, client *mqtt.Client, o *options, out io.Writer) error {
	sub, err := client.Subscribe(ctx, mqtt.Filter{Filter: o.topic, QoS: packet.QoS(o.qos)})
	if err != nil {
		return err
	}
	n := 0
	for m, err := range sub.Messages(ctx) {
		if err != nil {
			if ctx.Err() != nil {
				return nil // Ctrl-C
			}
			return err
		}
		if _, err := fmt.Fprintf(out, "%s %s\n", m.Topic, m.Payload); err != nil {
			return err
		}
		if n++; n == o.count {
			return nil
		}
	}
	return nil
}

// publish sends the message of the command line, or the lines of the standard input.
func publish(ctx context.Context, client *mqtt.Client, o *options, in io.Reader) error {
	send := func(payload []byte) error {
		_, err := client.Publish(ctx, mqtt.Publish{Topic: o.topic, Payload: payload, QoS: packet.QoS(o.qos), Retain: o.retain})
		return err
	}
	if o.messageSet {
		for range max(o.count, 1) {
			if err := send([]byte(o.message)); err != nil {
				return err
			}
		}
		return nil
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for ctx.Err() == nil && lines.Scan() {
		if err := send(lines.Bytes()); err != nil {
			return err
		}
	}
	return lines.Err()
}
