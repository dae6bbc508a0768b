package mqtttest_test

import (
	"context"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// A broker that refuses a message.
func ExamplePeer() {
	peer := mqtttest.NewPeer(nil) // in a test: mqtttest.NewPeer(t)
	defer peer.Close()
	client, _ := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: peer.Dial}, ClientID: "example"})
	defer client.Close()
	_ = client.Start()
	conn, connect := peer.Connect(&packet.Connack{})
	fmt.Println("connected:", connect.ClientID)

	over := make(chan error)
	go func() {
		_, err := client.Publish(context.Background(), mqtt.Publish{Topic: "secret", QoS: 1})
		over <- err
	}()
	publish := mqtttest.Expect[packet.Publish](conn)
	conn.Send(&packet.Puback{Ack: packet.Ack{ID: publish.ID, Code: packet.NotAuthorized}})
	fmt.Println(<-over)
	// Output:
	// connected: example
	// mqtt: publish "secret": the broker refused with PUBACK: not authorized 0x87 (may have been sent)
}

// A broker that does what it is asked, for a test that is about something else.
func ExamplePeer_Serve() {
	peer := mqtttest.NewPeer(nil)
	defer peer.Close()
	peer.Serve(mqtttest.Echo)
	client, _ := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: peer.Dial}, ClientID: "example"})
	defer client.Close()
	_ = client.Start()
	sub, _ := client.Subscribe(context.Background(), mqtt.Filter{Filter: "a/+"})
	_, _ = client.Publish(context.Background(), mqtt.Publish{Topic: "a/b", Payload: []byte("hello")})
	for m := range sub.Messages(context.Background()) {
		fmt.Printf("%s: %s\n", m.Topic, m.Payload)
		break
	}
	// Output:
	// a/b: hello
}

// A link that dies after 20 bytes.
func ExampleCutWrite() {
	client, broker := mqtttest.Pipe(0)
	conn := mqtttest.CutWrite(client, 20)
	n, err := conn.Write(make([]byte, 30))
	fmt.Println(n, err)
	fmt.Println(broker.Buffered())
	// Output:
	// 20 write cut: connection reset by peer
	// 20
}
