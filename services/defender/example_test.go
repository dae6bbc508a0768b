package defender_test

import (
	"context"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/services/defender"
)

func ExampleClient_Send() {
	peer := mqtttest.NewPeer(nil) // stands for AWS IoT Core
	defer peer.Close()
	peer.Serve(func(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
		out := mqtttest.Answer(c, in)
		if p, ok := in.(*packet.Publish); ok {
			fmt.Printf("%s\n", p.Payload)
			out = append(out, &packet.Publish{Topic: p.Topic + "/accepted", Payload: []byte(`{"status":"ACCEPTED"}`)})
		}
		return out
	})
	client, _ := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: peer.Dial}, ClientID: "lamp-7"}) // or of a builder
	defer client.Close()
	_ = client.Start()

	lamp, _ := defender.New(reqres.New(client), "lamp-7")
	err := lamp.Send(context.Background(), defender.Report{
		ID:           1,
		ListeningTCP: []defender.Port{{Port: 22}},
		Custom:       map[string]defender.Value{"battery": defender.Number(3.7)},
	})
	fmt.Println(err)
	// Output:
	// {"header":{"report_id":1,"version":"1.0"},"metrics":{"listening_tcp_ports":{"ports":[{"port":22}],"total":1}},"custom_metrics":{"battery":[{"number":3.7}]}}
	// <nil>
}
