package mqtt_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// A loop may be left and entered again.
func ExampleSubscription_Messages() {
	client, end := dialled()
	defer end()
	ctx := context.Background()
	sub, err := client.Subscribe(ctx, mqtt.Filter{Filter: "count"})
	if err != nil {
		log.Fatal(err)
	}
	for i := range 4 {
		if _, err := client.Publish(ctx, mqtt.Publish{Topic: "count", Payload: fmt.Append(nil, i)}); err != nil {
			log.Fatal(err)
		}
	}
	for range 2 {
		for m, err := range sub.Messages(ctx) {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(string(m.Payload))
			if m.Payload[0]%2 == 1 {
				break
			}
		}
		fmt.Println("a break")
	}
	// Output:
	// 0
	// 1
	// a break
	// 2
	// 3
	// a break
}

func ExampleSubscription_Close() {
	client, end := dialled()
	defer end()
	ctx := context.Background()
	sub, err := client.Subscribe(ctx, mqtt.Filter{Filter: "news/#"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sub.Close(ctx), client.Stats().Subscriptions)
	// Output:
	// <nil> 0
}

// With manual acknowledgements a message is done when the application says so, from any goroutine.
func ExampleMessage_Ack() {
	p := mqtttest.NewPeer(nil)
	defer p.Close()
	received := make(chan mqtt.Message)
	client, err := mqtt.New(mqtt.Config{
		Endpoint: mqtt.Endpoint{Dial: p.Dial}, ClientID: "bridge", ManualAcks: true,
		Handler: func(m mqtt.Message) { received <- m },
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := client.Start(); err != nil {
		log.Fatal(err)
	}
	conn, _ := p.Connect(&packet.Connack{})
	conn.Send(&packet.Publish{Topic: "t", QoS: 1, ID: 1}, &packet.Publish{Topic: "t", QoS: 1, ID: 2})
	first, second := <-received, <-received
	fmt.Println(second.Ack(), first.Ack())
	fmt.Println(mqtttest.Expect[packet.Puback](conn).ID, mqtttest.Expect[packet.Puback](conn).ID)

	conn.Send(&packet.Publish{Topic: "t", QoS: 1, ID: 3})
	third := <-received
	conn.Cut()
	p.Connect(&packet.Connack{SessionPresent: true})
	fmt.Println(errors.Is(third.Ack(), mqtt.ErrAckVoid)) // it will come again
	// Output:
	// <nil> <nil>
	// 1 2
	// true
}

func ExampleMessage_Reject() {
	p := mqtttest.NewPeer(nil)
	defer p.Close()
	client, err := mqtt.New(mqtt.Config{
		Endpoint: mqtt.Endpoint{Dial: p.Dial}, ClientID: "strict", ManualAcks: true,
		Handler: func(m mqtt.Message) {
			if err := m.Reject(packet.PayloadFormatInvalid, "not a number"); err != nil {
				log.Print(err)
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := client.Start(); err != nil {
		log.Fatal(err)
	}
	conn, _ := p.Connect(&packet.Connack{})
	conn.Send(&packet.Publish{Topic: "t", Payload: []byte("x"), QoS: 1, ID: 1})
	ack := mqtttest.Expect[packet.Puback](conn)
	fmt.Println(ack.Code, ack.ReasonString)
	// Output:
	// payload format invalid 0x99 not a number
}

// NotSent tells whether trying again can duplicate a message.
func ExampleNotSent() {
	p := mqtttest.NewPeer(nil)
	defer p.Close()
	client, err := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: p.Dial}, ClientID: "c"})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err = client.Publish(ctx, mqtt.Publish{Topic: "t", QoS: 1}) // the client is not even started
	fmt.Println(mqtt.NotSent(err), err)
	// Output:
	// true mqtt: publish "t": context deadline exceeded (not sent)
}

// Trace functions tell what happens.
func ExampleTrace() {
	p := mqtttest.NewPeer(nil)
	defer p.Close()
	over := make(chan struct{})
	client, err := mqtt.New(mqtt.Config{
		Endpoint: mqtt.Endpoint{Dial: p.Dial}, ClientID: "c",
		Trace: &mqtt.Trace{
			Connected: func(s mqtt.Session) { fmt.Println("connected, session present:", s.SessionPresent) },
			Disconnected: func(err error) {
				fmt.Println(err)
				close(over)
			},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Start(); err != nil {
		log.Fatal(err)
	}
	conn, _ := p.Connect(&packet.Connack{})
	if _, err := client.Connected(context.Background()); err != nil {
		log.Fatal(err)
	}
	conn.Send(&packet.Disconnect{Code: packet.ServerShuttingDown, ReasonString: "back in a minute"})
	<-over
	client.Close()
	// Output:
	// connected, session present: false
	// mqtt: the broker ended the connection with DISCONNECT: server shutting down 0x8B ("back in a minute")
}
