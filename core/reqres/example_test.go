package reqres_test

import (
	"context"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
)

// A lamp that says what it does with a request.
func lamp(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
	out := mqtttest.Answer(c, in)
	if p, ok := in.(*packet.Publish); ok {
		out = append(out, &packet.Publish{Topic: p.ResponseTopic, CorrelationData: p.CorrelationData,
			Payload: append([]byte("it is now "), p.Payload...)})
	}
	return out
}

func Example() {
	peer := mqtttest.NewPeer(nil) // a broker in this process, with a lamp behind it
	defer peer.Close()
	peer.Serve(lamp)
	client, _ := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: peer.Dial}, ClientID: "switch"})
	defer client.Close()
	_ = client.Start()

	requests := reqres.New(client)
	answer, err := requests.Do(context.Background(), reqres.Request{
		Message: mqtt.Publish{Topic: "lamp/7/set", Payload: []byte("on")},
		Reply:   "lamp/7/set/switch",
		Match:   reqres.ByCorrelation,
	})
	fmt.Println(string(answer.Payload), err)
	// Output:
	// it is now on <nil>
}

func ExampleClient_OpenStream() {
	peer := mqtttest.NewPeer(nil)
	defer peer.Close()
	peer.Serve(mqtttest.Echo)
	client, _ := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: peer.Dial}, ClientID: "reader"})
	defer client.Close()
	_ = client.Start()

	requests := reqres.New(client)
	news := make(chan string, 1)
	stream, err := requests.OpenStream(context.Background(), reqres.StreamOptions{
		Filter:  "news/+",
		Handler: func(m mqtt.Message) { news <- string(m.Payload) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stream.Close()
	_, _ = client.Publish(context.Background(), mqtt.Publish{Topic: "news/today", Payload: []byte("fair weather")})
	fmt.Println(<-news)
	// Output:
	// fair weather
}
