// Rpc calls functions over MQTT 5, with response topics and correlation data, at any broker.
//
//	go run ./samples/rpc -url mqtt://localhost:1883 -serve
//	go run ./samples/rpc -url mqtt://localhost:1883 upper hello
//	go run ./samples/rpc -url mqtt://localhost:1883 reverse hello
//
// Where nobody serves, the call says so at once. Several servers share the calls if -group names them.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
)

// functions are what can be called: rpc/{name} is the topic.
var functions = map[string]func([]byte) []byte{
	"upper": bytes.ToUpper,
	"reverse": func(p []byte) []byte {
		runes := []rune(string(p))
		slices.Reverse(runes)
		return []byte(string(runes))
	},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "rpc:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("rpc", flag.ExitOnError)
	url := f.String("url", "mqtt://localhost:1883", "the broker: mqtt://host:port or mqtts://host:port")
	serve := f.Bool("serve", false, "answer calls until Ctrl-C")
	group := f.String("group", "", "`name` of the servers that share the calls")
	timeout := f.Duration("timeout", 10*time.Second, "how long an answer may take")
	_ = f.Parse(args)

	endpoint, err := direct.URL(*url)
	if err != nil {
		return err
	}
	id := "rpc-" + reqres.NewToken()
	client, err := mqtt.New(mqtt.Config{Endpoint: endpoint, ClientID: id, CleanStart: true})
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Start(); err != nil {
		return err
	}
	requests := reqres.New(client)
	if *serve {
		return answer(ctx, requests, *group, out)
	}
	if f.NArg() != 2 {
		return errors.New("want the name of a function and its argument")
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	response, err := requests.Do(ctx, reqres.Request{
		Message: mqtt.Publish{Topic: "rpc/" + f.Arg(0), Payload: []byte(f.Arg(1)), Expiry: *timeout},
		Reply:   "rpc/replies/" + id,
		Match:   reqres.ByCorrelation,
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, string(response.Payload))
	return client.Shutdown(ctx)
}

func answer(ctx context.Context, requests *reqres.Client, group string, out io.Writer) error {
	filter := "rpc/+"
	if group != "" {
		filter = "$share/" + group + "/" + filter
	}
	stream, err := requests.Serve(ctx, filter, func(_ context.Context, m mqtt.Message) mqtt.Publish {
		name := strings.TrimPrefix(m.Topic, "rpc/")
		function, ok := functions[name]
		fmt.Fprintf(out, "%s(%q)\n", name, m.Payload)
		if !ok {
			return mqtt.Publish{Payload: []byte("there is no function " + name)}
		}
		return mqtt.Publish{Payload: function(m.Payload)}
	})
	if err != nil {
		return err
	}
	defer stream.Close()
	fmt.Fprintln(out, "serving")
	<-ctx.Done()
	return ctx.Err()
}
