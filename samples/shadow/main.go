// Shadow is a thermostat: it keeps its settings and the shadow of its thing equal. Change them in the cloud, and watch.
//
//	go run ./samples/shadow -endpoint a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com -cert device.pem -key device.key -thing thermostat-7
//	aws iot-data update-thing-shadow --thing-name thermostat-7 --cli-binary-format raw-in-base64-out \
//		--payload '{"state":{"desired":{"target":22}}}' /dev/stdout
//
// It runs until Ctrl-C. The policy has to allow iot:Connect, and iot:Publish, iot:Subscribe and iot:Receive for
// $aws/things/{thing}/shadow/*.
package main

import (
	"context"
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
	"github.com/gneiss-mqtt/gneiss-go/services/shadow"
)

// settings are what the device and the cloud agree on.
type settings struct {
	Target float64 `json:"target"`
	Mode   string  `json:"mode"`
}

// highest is what this thermostat can do.
const highest = 28

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "shadow:", awsiot.Explain(err))
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("shadow", flag.ExitOnError)
	name := f.String("endpoint", os.Getenv("AWS_IOT_ENDPOINT"), "`name` of the account's endpoint for MQTT, with or without a port")
	ca := f.String("ca", "", "PEM `file` of an authority to trust besides those of the system")
	cert := f.String("cert", "device.pem", "PEM `file` of the device certificate")
	key := f.String("key", "device.key", "PEM `file` of its private key")
	thing := f.String("thing", "device", "`name` of the thing, and the client identifier")
	named := f.String("name", "", "`name` of a named shadow instead of the classic one")
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
	if err := client.Start(); err != nil {
		return err
	}
	thermostat, err := shadow.New(reqres.New(client), *thing, shadow.Named(*named))
	if err != nil {
		return err
	}
	sync, err := shadow.Start(thermostat, settings{Target: 20, Mode: "heat"}, func(o *shadow.SyncOptions[settings]) {
		o.Apply = func(_ context.Context, was, want settings) (settings, error) {
			want.Target = min(want.Target, highest) // what it returns is reported
			fmt.Fprintf(out, "the cloud wants %v: now %v\n", was, want)
			return want, nil
		}
		o.Report = func(err error) { fmt.Fprintln(out, awsiot.Explain(err)) } // it is tried again
	})
	if err != nil {
		return err
	}
	defer sync.Close()
	if err := sync.Wait(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s and its shadow agree on %v\n", thermostat, sync.Value())

	// Somebody turns the knob.
	if err := sync.Change(ctx, func(s *settings) { s.Mode = "eco" }); err != nil {
		return err
	}
	fmt.Fprintf(out, "the shadow has version %d\n", sync.Version())
	<-ctx.Done()
	return ctx.Err()
}
