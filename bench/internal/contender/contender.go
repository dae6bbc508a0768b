package contender

import (
	"context"
	"fmt"
	"runtime/debug"
)

// Message is one application message.
type Message struct {
	Topic   string
	Payload []byte
	QoS     byte
}

// Client is one connection of one library.
type Client interface {
	// Connect returns once the broker has accepted the connection.
	Connect(ctx context.Context, addr, clientID string) error
	// Publish returns once the message is complete: written at QoS 0,
	// acknowledged at QoS 1 and 2. Safe for concurrent use.
	Publish(m Message) error
	// Subscribe returns once the broker has granted the filter. onPayload
	// sees each message; it must not keep the payload.
	Subscribe(filter string, qos byte, onPayload func(payload []byte)) error
	// Close drops the connection and fails what is under way.
	Close() error
}

// AsyncClient is a client that reports completion without a goroutine per
// message in flight.
type AsyncClient interface {
	Client
	// Publisher returns a function that starts a publish; done is called
	// once for each that was started, after it is complete. For one
	// goroutine at a time.
	Publisher(done func(error)) func(Message) error
}

// BorrowingClient is a client that can lend payloads to a handler until it
// returns, instead of giving each away.
type BorrowingClient interface {
	Client
	SubscribeBorrowed(filter string, qos byte, onPayload func(payload []byte)) error
}

// BulkClient is a client that is told the whole job at once. Only the raw
// floor, which is no library, is one.
type BulkClient interface {
	Client
	// PublishMany publishes m count times with at most window of them
	// incomplete.
	PublishMany(m Message, count, window int) error
}

// Library is a way to make clients of one kind.
type Library struct {
	Name     string
	Module   string // empty for the floor
	Protocol string
	// Flight says how it keeps several publishes in flight.
	Flight string
	New    func() Client
}

// Version is the version of the module that this program was built with.
func (l *Library) Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && l.Module != "" {
		for _, dep := range info.Deps {
			if dep.Path == l.Module {
				return dep.Version
			}
		}
	}
	return ""
}

// OurName is the name of this project's client in [Libraries].
const OurName = "gneiss"

// FloorName is the name of the raw floor in [Libraries].
const FloorName = "raw floor"

// Libraries lists everything that can be measured, ours first.
func Libraries() []Library {
	return []Library{
		{
			Name: OurName, Module: "github.com/gneiss-mqtt/gneiss-go/core", Protocol: "5",
			Flight: "callbacks", New: func() Client { return new(gneiss) },
		},
		{
			Name: PahoName, Module: "github.com/eclipse/paho.golang", Protocol: "5",
			Flight: "goroutines", New: func() Client { return new(paho) },
		},
		{
			Name: pahoMQTTName, Module: "github.com/eclipse/paho.mqtt.golang", Protocol: "3.1.1",
			Flight: "tokens", New: newPahoMQTT,
		},
		{
			Name: atWatName, Module: "github.com/at-wat/mqtt-go", Protocol: "3.1.1",
			Flight: "goroutines", New: func() Client { return new(atWat) },
		},
		{
			Name: FloorName, Protocol: "5",
			Flight: "one write per batch", New: func() Client { return new(floor) },
		},
	}
}

func wrap(library string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", library, err)
}
