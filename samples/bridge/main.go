// Bridge moves messages from one MQTT broker to another and loses none, whichever side fails.
//
//	go run ./samples/bridge
//	go run ./samples/bridge -from mqtt://localhost:1883 -to mqtts://broker.example.org -filter 'rooms/#'
//
// It acknowledges a message to the source only when the destination has acknowledged it. Until then the source keeps
// it, so that the bridge needs no storage of its own. The price is that a message whose acknowledgement was under way
// when a connection or the bridge ended arrives twice: at least once, never exactly once, at QoS 1 and at QoS 2 alike.
//
// The source must keep the session: the bridge asks for a day, and must come back with the same -id within it. A message
// that the destination refuses ends the bridge, and is still at the source. Do not bridge in a circle.
//
// Without -from and -to it shows all this with two brokers in the same process, each of which it kills once. bridge.go
// is the bridge, demo.go the demonstration.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2) // the flag set has said what is wrong
	case err != nil:
		fmt.Fprintln(os.Stderr, "bridge:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("wrong usage")

// options say what is moved where.
type options struct {
	from, to string // URLs
	filter   string
	qos      packet.QoS
	id       string
}

// run is a bridge until ctx ends, or the demonstration.
func run(ctx context.Context, args []string, out, log io.Writer) error {
	o, err := parse(args, log)
	if err != nil {
		return err
	}
	if o.from == "" {
		return demo(ctx, out)
	}
	b, err := open(ctx, o, log)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "moving %q\n", o.filter)
	err = b.wait(ctx)
	err = errors.Join(err, b.close())
	fmt.Fprintln(out, b.counts())
	return err
}

func parse(args []string, log io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("bridge", flag.ContinueOnError)
	f.SetOutput(log)
	f.StringVar(&o.from, "from", "", "the source: mqtt://host:port, mqtts://host:port or unix:///path")
	f.StringVar(&o.to, "to", "", "the destination, as -from; without both, the bridge runs between two brokers of its own")
	f.StringVar(&o.filter, "filter", "#", "topic filter of the messages to move")
	f.StringVar(&o.id, "id", "gneiss-bridge", "client identifier at both; it must stay the same for nothing to be lost")
	qos := f.Int("qos", 1, "quality of service: 1 or 2")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, errUsage
	}
	wrong := ""
	switch {
	case f.NArg() > 0:
		wrong = "there are words that belong to no flag"
	case (o.from == "") != (o.to == ""):
		wrong = "-from and -to go together"
	case o.from == "" && f.NFlag() > 0:
		wrong = "-from and -to are needed"
	case o.from != "" && o.from == o.to:
		wrong = "-from and -to are the same broker"
	case *qos != 1 && *qos != 2:
		wrong = "-qos is 1 or 2: nothing can be promised at QoS 0"
	case o.id == "":
		wrong = "-id is needed"
	}
	if wrong != "" {
		fmt.Fprintln(log, "bridge:", wrong)
		f.Usage()
		return o, errUsage
	}
	o.qos = packet.QoS(*qos)
	return o, nil
}
