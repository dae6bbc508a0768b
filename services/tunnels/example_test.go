package tunnels_test

import (
	"context"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/services/tunnels"
)

func ExampleListen() {
	peer := mqtttest.NewPeer(nil) // stands for AWS IoT Core, with one tunnel
	defer peer.Close()
	peer.Serve(func(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
		out := mqtttest.Answer(c, in)
		if in.Type() == packet.SUBSCRIBE {
			out = append(out, &packet.Publish{Topic: "$aws/things/lamp-7/tunnels/notify",
				Payload: []byte(`{"clientAccessToken":"...","clientMode":"destination","region":"eu-west-1","services":["SSH"]}`)})
		}
		return out
	})
	client, _ := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: peer.Dial}, ClientID: "lamp-7"}) // or of a builder
	defer client.Close()
	_ = client.Start()

	opened := make(chan *tunnels.Notification)
	_, err := tunnels.Listen(context.Background(), reqres.New(client), "lamp-7", func(n *tunnels.Notification) { opened <- n })
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(<-opened) // hand its Token to a program that connects to the tunnel
	// Output: tunnels.Notification{Mode: "destination", Region: "eu-west-1", Services: ["SSH"]}
}
