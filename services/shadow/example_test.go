package shadow_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/services/shadow"
)

// service stands for AWS IoT Core: it accepts every update, and has no shadow to read.
func service(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
	out := mqtttest.Answer(c, in)
	p, ok := in.(*packet.Publish)
	switch {
	case !ok:
	case strings.HasSuffix(p.Topic, "/get"):
		out = append(out, &packet.Publish{Topic: p.Topic + "/rejected",
			Payload: []byte(`{"code":404,"message":"No shadow exists with name: 'thermostat-7'"}`)})
	default:
		out = append(out, &packet.Publish{Topic: p.Topic + "/accepted",
			Payload: append([]byte(`{"version":1,`), p.Payload[1:]...)})
	}
	return out
}

// connect returns a client that is connected with the service.
func connect() (requests *reqres.Client, done func()) {
	peer := mqtttest.NewPeer(nil)
	peer.Serve(service)
	client, _ := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: peer.Dial}, ClientID: "thermostat-7"})
	_ = client.Start()
	return reqres.New(client), func() { client.Close(); peer.Close() }
}

func ExampleClient_Update() {
	requests, done := connect() // with the endpoint of a builder, such as awsiot
	defer done()
	thermostat, _ := shadow.New(requests, "thermostat-7")
	doc, err := thermostat.Update(context.Background(), shadow.Update{
		Reported: map[string]any{"temperature": 21.5},
		Desired:  map[string]any{"temperature": nil}, // what was desired is reached, or given up
	})
	fmt.Println(doc.Version, string(doc.State.Reported), err)
	// Output:
	// 1 {"temperature":21.5} <nil>
}

func ExampleClient_Get() {
	requests, done := connect()
	defer done()
	thermostat, _ := shadow.New(requests, "thermostat-7")
	_, err := thermostat.Get(context.Background())
	fmt.Println(err)
	fmt.Println(errors.Is(err, shadow.ErrNotFound))
	// Output:
	// shadow: get thermostat-7: the service refused: No shadow exists with name: 'thermostat-7' (404)
	// true
}

func ExampleStart() {
	requests, done := connect()
	defer done()
	type settings struct {
		Target float64 `json:"target"`
		Mode   string  `json:"mode"`
	}
	thermostat, _ := shadow.New(requests, "thermostat-7", shadow.Named("settings"))
	sync, err := shadow.Start(thermostat, settings{Target: 20, Mode: "heat"}, func(o *shadow.SyncOptions[settings]) {
		o.Apply = func(_ context.Context, was, want settings) (settings, error) {
			want.Target = min(want.Target, 25) // this one can do no more
			return want, nil                   // what it is then, to be reported
		}
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sync.Close()
	err = sync.Change(context.Background(), func(s *settings) { s.Target = 21 }) // somebody turned the knob
	fmt.Println(sync.Value(), err)
	// Output:
	// {21 heat} <nil>
}
