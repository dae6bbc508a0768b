package jobs_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/services/jobs"
)

// service stands for AWS IoT Core, with one job until it has succeeded.
func service() func(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
	left := 1
	return func(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
		out := mqtttest.Answer(c, in)
		p, ok := in.(*packet.Publish)
		if !ok {
			return out
		}
		body := `{`
		switch {
		case strings.HasSuffix(p.Topic, "/update"):
			if strings.Contains(string(p.Payload), "SUCCEEDED") {
				left--
			}
		case left > 0:
			body = `{"execution":{"jobId":"update-1","status":"QUEUED","versionNumber":1,"jobDocument":{"version":"2.0"}},`
		}
		return append(out, &packet.Publish{Topic: p.Topic + "/accepted", Payload: append([]byte(body), p.Payload[1:]...)})
	}
}

func ExampleAgent() {
	peer := mqtttest.NewPeer(nil)
	defer peer.Close()
	peer.Serve(service())
	client, _ := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: peer.Dial}, ClientID: "lamp-7"}) // or of a builder
	defer client.Close()
	_ = client.Start()

	lamp, _ := jobs.New(reqres.New(client), "lamp-7")
	ctx, stop := context.WithCancel(context.Background())
	agent := jobs.NewAgent(lamp, func(ctx context.Context, job *jobs.Job) error {
		var document struct{ Version string }
		if err := job.Decode(&document); err != nil {
			return jobs.Reject(err.Error())
		}
		fmt.Println("installing", document.Version)
		defer stop() // one job will do for an example
		return job.Progress(ctx, map[string]string{"percent": "50"})
	})
	fmt.Println(agent.Run(ctx))
	// Output:
	// installing 2.0
	// context canceled
}
