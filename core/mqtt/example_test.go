package mqtt_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// The examples talk to a peer in their own process. A program has an endpoint of a builder instead, as of direct.URL.
func peer() (*mqtttest.Peer, mqtt.Endpoint) {
	p := mqtttest.NewPeer(nil)
	p.Serve(mqtttest.Echo)
	return p, mqtt.Endpoint{Dial: p.Dial, Name: "mqtt://broker.example"}
}

// dialled returns a client that is connected, and a function that ends it.
func dialled() (*mqtt.Client, func()) {
	p, endpoint := peer()
	client, err := mqtt.New(mqtt.Config{Endpoint: endpoint, ClientID: "thermostat-7"})
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Start(); err != nil {
		log.Fatal(err)
	}
	return client, func() {
		client.Close()
		<-client.Done()
		p.Close()
	}
}

func Example() {
	p, endpoint := peer() // in a program: direct.URL("mqtts://broker.example")
	defer p.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	client, err := mqtt.New(mqtt.Config{Endpoint: endpoint, ClientID: "thermostat-7"})
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Start(); err != nil {
		log.Fatal(err)
	}
	sub, err := client.Subscribe(ctx, mqtt.Filter{Filter: "rooms/+/temperature", QoS: 1})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.Publish(ctx, mqtt.Publish{Topic: "rooms/7/temperature", Payload: []byte("21.5"), QoS: 1}); err != nil {
		log.Fatal(err)
	}
	for m, err := range sub.Messages(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s is %s\n", m.Topic, m.Payload)
		break
	}
	if err := client.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// rooms/7/temperature is 21.5
}

// New checks the configuration; it connects to nothing.
func ExampleNew() {
	p, endpoint := peer()
	defer p.Close()
	_, err := mqtt.New(mqtt.Config{Endpoint: endpoint, ClientID: "a", KeepAlive: 24 * time.Hour})
	fmt.Println(err)
	// Output:
	// mqtt: Config.KeepAlive is above 65,535 s
}

// Connected waits for the connection, and says what the broker offers.
func ExampleClient_Connected() {
	client, end := dialled()
	defer end()
	session, err := client.Connected(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(session.ClientID, session.MaximumQoS, client.State())
	// Output:
	// thermostat-7 2 connected
}

func ExampleClient_Publish() {
	client, end := dialled()
	defer end()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	result, err := client.Publish(ctx, mqtt.Publish{
		Topic: "rooms/7/state", Payload: []byte(`{"on":true}`), QoS: 1, Retain: true,
		ContentType: "application/json", Expiry: time.Hour,
	})
	fmt.Println(result.Code, err)
	// Output:
	// success 0x00 <nil>
}

// Many messages under way at a time, without a goroutine for each.
func ExampleClient_PublishAsync() {
	client, end := dialled()
	defer end()
	var wg sync.WaitGroup
	failed := 0
	for i := range 100 {
		wg.Add(1)
		err := client.PublishAsync(mqtt.Publish{Topic: "samples", Payload: fmt.Append(nil, i), QoS: 1},
			func(_ mqtt.PublishResult, err error) {
				if err != nil {
					failed++ // callbacks run one after the other
				}
				wg.Done()
			})
		if err != nil { // not accepted: there is no callback
			wg.Done()
		}
	}
	wg.Wait()
	fmt.Println(failed, "failed")
	// Output:
	// 0 failed
}

func ExampleClient_Enqueue() {
	client, end := dialled()
	defer end()
	// With Config.Session, the message is stored when Enqueue returns.
	err := client.Enqueue(context.Background(), mqtt.Publish{Topic: "meter/reading", Payload: []byte("4711"), QoS: 1})
	fmt.Println(err)
	// Output:
	// <nil>
}

func ExampleClient_Subscribe() {
	client, end := dialled()
	defer end()
	ctx := context.Background()
	sub, err := client.Subscribe(ctx, mqtt.Filter{Filter: "news/#", QoS: 2}, mqtt.Filter{Filter: "alarms/+", QoS: 1, NoLocal: true})
	if refused, ok := errors.AsType[*mqtt.ReasonError](err); ok {
		log.Print("some filters were refused: ", refused.Filters, refused.Codes) // sub has the others, if any
	} else if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sub.Filters())
	// Output:
	// [news/# alarms/+]
}

func ExampleClient_SubscribeFunc() {
	client, end := dialled()
	defer end()
	ctx := context.Background()
	got := make(chan string)
	_, err := client.SubscribeFunc(ctx, func(m mqtt.Message) {
		// It may call the client, and wait.
		if _, err := client.Publish(ctx, mqtt.Publish{Topic: "answers", Payload: m.Payload, QoS: 1}); err != nil {
			log.Print(err)
		}
		got <- string(m.Payload)
	}, mqtt.Filter{Filter: "questions"})
	if err != nil {
		log.Fatal(err)
	}
	if err := client.PublishAsync(mqtt.Publish{Topic: "questions", Payload: []byte("why?")}, nil); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-got)
	// Output:
	// why?
}

// A subscription of an earlier process: its handler is there before the first message can come.
func ExampleClient_SubscribeWith() {
	p := mqtttest.NewPeer(nil)
	defer p.Close()
	client, err := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: p.Dial}, ClientID: "worker", SessionExpiry: time.Hour, ResumeUnknown: true})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	got := make(chan string)
	_, err = client.SubscribeWith(context.Background(), mqtt.SubscribeOptions{
		Local:   true,
		Handler: func(m mqtt.Message) { got <- string(m.Payload) },
	}, mqtt.Filter{Filter: "jobs/+"})
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Start(); err != nil {
		log.Fatal(err)
	}
	conn, _ := p.Connect(&packet.Connack{SessionPresent: true})
	conn.Send(&packet.Publish{Topic: "jobs/1", Payload: []byte("came while we were away"), QoS: 1, ID: 1})
	fmt.Println(<-got)
	// Output:
	// came while we were away
}

// Filters may be unsubscribed that this process has not subscribed.
func ExampleClient_Unsubscribe() {
	client, end := dialled()
	defer end()
	fmt.Println(client.Unsubscribe(context.Background(), "old/filter"))
	// Output:
	// <nil>
}

// Shutdown waits for what is under way, as long as its context allows.
func ExampleClient_Shutdown() {
	client, end := dialled()
	defer end()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := client.Shutdown(ctx)
	if left, ok := errors.AsType[*mqtt.ShutdownError](err); ok {
		log.Print(left.Unfinished, " messages were not delivered")
	}
	fmt.Println(err, client.State())
	// Output:
	// <nil> closed
}

// The session can be ended too.
func ExampleClient_ShutdownWith() {
	client, end := dialled()
	defer end()
	err := client.ShutdownWith(context.Background(), mqtt.ShutdownOptions{EndSession: true, Reason: "unit is scrapped"})
	fmt.Println(err)
	// Output:
	// <nil>
}
