package main

import (
	"context"
	"fmt"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
	"github.com/gneiss-mqtt/gneiss-go/services/commands"
)

// command obeys an order, and answers within its time.
func command(ctx context.Context, s *story, cloud *emulator.Server, d *device) error {
	client, err := commands.New(d.requests, commands.Things, d.identity.ThingName)
	if err != nil {
		return err
	}
	d.commands, err = client.Serve(ctx, func(_ context.Context, c *commands.Command) (commands.Result, error) {
		return commands.Result{"display": commands.Text(string(c.Payload))}, nil
	})
	if err != nil {
		return err
	}
	if err := cloud.CreateCommand(iotcore.Command{ID: "show", Payload: []byte(`"hello"`), ContentType: "application/json"}); err != nil {
		return err
	}
	id, err := cloud.StartCommand("show", iotcore.CommandTarget{Kind: iotcore.TargetThings, ID: d.identity.ThingName}, 10*time.Second)
	if err != nil {
		return err
	}
	began := time.Now()
	var x iotcore.CommandExecution
	err = await(ctx, func() (ok bool, err error) {
		x, err = cloud.CommandExecution(id)
		return x.Final, err
	})
	if err != nil {
		return fmt.Errorf("the command is %s: %w", x.Status, err)
	}
	shown := x.Result["display"].S
	return s.check(x.Status == iotcore.CommandSucceeded && shown != nil, "the cloud said %s, and heard %s after %v", `"hello"`, x.Status, time.Since(began).Round(time.Millisecond))
}
