// Commands is a lamp that obeys: {"light":"on"} and {"light":"off"} in JSON, and no other order.
//
//	go run ./samples/commands -endpoint a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com -cert device.pem -key device.key -thing lamp-7
//	aws iot-jobs-data start-command-execution --target-arn arn:aws:iot:eu-west-1:123456789012:thing/lamp-7 \
//		--command-arn arn:aws:iot:eu-west-1:123456789012:command/LightOn
//
// It runs until Ctrl-C. The policy has to allow iot:Connect, and iot:Publish, iot:Subscribe and iot:Receive for
// $aws/commands/things/{thing}/executions/*.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/services/commands"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "commands:", awsiot.Explain(err))
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("commands", flag.ExitOnError)
	name := f.String("endpoint", os.Getenv("AWS_IOT_ENDPOINT"), "`name` of the account's endpoint for MQTT, with or without a port")
	ca := f.String("ca", "", "PEM `file` of an authority to trust besides those of the system")
	cert := f.String("cert", "device.pem", "PEM `file` of the device certificate")
	key := f.String("key", "device.key", "PEM `file` of its private key")
	thing := f.String("thing", "device", "`name` of the thing, and the client identifier")
	_ = f.Parse(args)

	endpoint, err := awsiot.MTLS(*name, awsiot.Files(*cert, *key), func(o *awsiot.Options) {
		if *ca != "" {
			o.RootCAs = []direct.PEM{direct.File(*ca)}
		}
	})
	if err != nil {
		return err
	}
	client, err := mqtt.New(awsiot.Defaults(mqtt.Config{Endpoint: endpoint, ClientID: *thing}))
	if err != nil {
		return err
	}
	defer client.Close()
	lamp, err := commands.New(reqres.New(client), commands.Things, *thing)
	if err != nil {
		return err
	}
	server, err := lamp.Serve(ctx, func(_ context.Context, c *commands.Command) (commands.Result, error) {
		var order struct{ Light string }
		if err := json.Unmarshal(c.Payload, &order); err != nil || c.Format != commands.JSON {
			return nil, commands.Reject("NOT_UNDERSTOOD", "the lamp understands JSON")
		}
		switch order.Light {
		case "on", "off":
			fmt.Fprintf(out, "the light is %s\n", order.Light)
			return commands.Result{"light": commands.Text(order.Light)}, nil
		}
		return nil, fmt.Errorf("the light cannot be %q", order.Light)
	}, func(o *commands.ServeOptions) {
		o.NoWait = true                                                       // before Start, so that no command is missed that has come while the lamp was away
		o.Report = func(err error) { fmt.Fprintln(out, awsiot.Explain(err)) } // it is tried again
	})
	if err != nil {
		return err
	}
	defer server.Close()
	if err := client.Start(); err != nil {
		return err
	}
	if err := server.Wait(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s obeys\n", *thing)
	<-ctx.Done()
	return ctx.Err()
}
