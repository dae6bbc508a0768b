// Gateway speaks for many things on one connection: each sensor behind it has a shadow of its own, and is told how often
// to measure.
//
//	go run ./samples/gateway -endpoint a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com -cert device.pem -key device.key \
//		-id gateway-1 -things sensor-1,sensor-2,sensor-3
//
// It runs until Ctrl-C. The policy has to allow iot:Connect, and iot:Publish, iot:Subscribe and iot:Receive for
// $aws/things/sensor-*/shadow/*. AWS IoT Core allows a connection 50 subscriptions: each sensor keeps one, for its deltas;
// those for answers are shared out of what is left.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"time"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/services/shadow"
)

// sensor is what the cloud knows of one.
type sensor struct {
	Temperature float64 `json:"temperature"`
	Every       string  `json:"every"` // a duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "gateway:", awsiot.Explain(err))
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("gateway", flag.ExitOnError)
	name := f.String("endpoint", os.Getenv("AWS_IOT_ENDPOINT"), "`name` of the account's endpoint for MQTT, with or without a port")
	ca := f.String("ca", "", "PEM `file` of an authority to trust besides those of the system")
	cert := f.String("cert", "device.pem", "PEM `file` of the gateway's certificate")
	key := f.String("key", "device.key", "PEM `file` of its private key")
	id := f.String("id", "gateway", "client `identifier`")
	things := f.String("things", "sensor-1,sensor-2,sensor-3", "`names` of the things behind it")
	_ = f.Parse(args)

	endpoint, err := awsiot.MTLS(*name, awsiot.Files(*cert, *key), func(o *awsiot.Options) {
		if *ca != "" {
			o.RootCAs = []direct.PEM{direct.File(*ca)}
		}
	})
	if err != nil {
		return err
	}
	client, err := mqtt.New(awsiot.Defaults(mqtt.Config{Endpoint: endpoint, ClientID: *id}))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Start(); err != nil {
		return err
	}
	requests := reqres.New(client) // one, for all
	var sensors []*shadow.Sync[sensor]
	for thing := range strings.SplitSeq(*things, ",") {
		c, err := shadow.New(requests, thing)
		if err != nil {
			return err
		}
		s, err := shadow.Start(c, sensor{20, "1m"}, func(o *shadow.SyncOptions[sensor]) {
			o.Apply = func(_ context.Context, was, want sensor) (sensor, error) {
				if _, err := time.ParseDuration(want.Every); err != nil {
					want.Every = was.Every // what the sensor does in truth is reported
				}
				want.Temperature = was.Temperature // nobody can wish for that
				fmt.Fprintf(out, "%s measures every %s\n", thing, want.Every)
				return want, nil
			}
			o.Report = func(err error) { fmt.Fprintln(out, awsiot.Explain(err)) } // it is tried again
		})
		if err != nil {
			return err
		}
		defer s.Close()
		sensors = append(sensors, s)
	}
	for _, s := range sensors {
		temperature := 15 + float64(rand.IntN(100))/10
		if err := s.Change(ctx, func(v *sensor) { v.Temperature = temperature }); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "%d things on one connection, with %d subscriptions\n", len(sensors), requests.Stats().Filters)
	<-ctx.Done()
	return ctx.Err()
}
