package commands_test

import (
	"context"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/services/commands"
)

func ExampleClient_Serve() {
	peer := mqtttest.NewPeer(nil) // stands for AWS IoT Core, with one command
	defer peer.Close()
	answered := make(chan string)
	peer.Serve(func(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
		out := mqtttest.Answer(c, in)
		switch in := in.(type) {
		case *packet.Subscribe:
			if in.Filters[0].Filter == "$aws/commands/things/lamp-7/executions/+/request/json" {
				out = append(out, &packet.Publish{Topic: "$aws/commands/things/lamp-7/executions/1/request/json", Payload: []byte(`{"on":true}`)})
			}
		case *packet.Publish:
			answered <- string(in.Payload)
		}
		return out
	})
	client, _ := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: peer.Dial}, ClientID: "lamp-7"}) // or of a builder
	defer client.Close()
	_ = client.Start()

	lamp, _ := commands.New(reqres.New(client), commands.Things, "lamp-7")
	server, err := lamp.Serve(context.Background(), func(ctx context.Context, c *commands.Command) (commands.Result, error) {
		fmt.Printf("%s\n", c.Payload)
		return commands.Result{"brightness": commands.Text("80")}, nil
	}, func(o *commands.ServeOptions) { o.Formats = []commands.Format{commands.JSON} })
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(<-answered)
	server.Close()
	// Output:
	// {"on":true}
	// {"status":"SUCCEEDED","result":{"brightness":{"s":"80"}}}
}
