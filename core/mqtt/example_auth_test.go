package mqtt_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Ticket authenticates with one piece of data, which is fetched anew each time.
type ticket struct {
	fetch func(context.Context) ([]byte, error)
}

func (t ticket) Method() string { return "TICKET" }

func (t ticket) Begin(ctx context.Context, again bool) (mqtt.AuthExchange, error) {
	data, err := t.fetch(ctx)
	return oneStep(data), err
}

type oneStep []byte

func (s oneStep) Next(_ context.Context, challenge []byte) ([]byte, error) {
	if challenge != nil {
		return nil, errors.New("ticket: there is no second step")
	}
	return s, nil
}

func (s oneStep) Done(context.Context, []byte) error { return nil }

func ExampleClient_Reauthenticate() {
	p := mqtttest.NewPeer(nil) // a broker that knows the method
	p.Serve(func(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
		switch in := in.(type) {
		case *packet.Connect:
			return []packet.Packet{&packet.Connack{AuthMethod: in.AuthMethod}}
		case *packet.Auth:
			fmt.Printf("the broker got %s\n", in.Data)
			return []packet.Packet{&packet.Auth{Method: in.Method}}
		}
		return mqtttest.Answer(c, in)
	})
	defer p.Close()
	number := 0
	endpoint := mqtt.Endpoint{Dial: p.Dial} // in a program: of a builder
	endpoint.Auth = ticket{func(context.Context) ([]byte, error) {
		number++
		return fmt.Appendf(nil, "ticket %d", number), nil
	}}
	client, err := mqtt.New(mqtt.Config{Endpoint: endpoint, ClientID: "thermostat-7"})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := client.Start(); err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if _, err := client.Connected(ctx); err != nil {
		log.Fatal(err)
	}
	switch err := client.Reauthenticate(ctx); {
	case errors.Is(err, mqtt.ErrAuthLater):
		fmt.Println("the broker has put it off")
	case err != nil:
		log.Fatal(err)
	}
	// Output: the broker got ticket 2
}

func ExampleClient_Reconnect() {
	client, done := dialled()
	defer done()
	ctx := context.Background()
	if _, err := client.Connected(ctx); err != nil {
		log.Fatal(err)
	}
	// The certificate file has been replaced: the builder reads it for the next connection.
	if err := client.Reconnect(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.Stats().Connects, "connections")
	// Output: 2 connections
}
