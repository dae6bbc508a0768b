// Aws-websocket connects to AWS IoT Core over a WebSocket with AWS credentials, subscribes to a topic, publishes to it and
// prints what comes.
//
//	go run ./samples/aws-websocket -endpoint a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com
//
// The credentials are found as the AWS command line finds them: AWS_ACCESS_KEY_ID, AWS_PROFILE, single sign-on, the role of
// an instance and so on. Their IAM policy has to allow iot:Connect, iot:Publish, iot:Subscribe and iot:Receive. Where the
// name of the endpoint has no region, AWS_REGION does.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/builders/aws/chain"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

func main() {
	name := flag.String("endpoint", os.Getenv("AWS_IOT_ENDPOINT"), "`name` of the account's endpoint for MQTT, with or without a port")
	ca := flag.String("ca", "", "PEM `file` of an authority to trust besides those of the system")
	id := flag.String("id", "", "client `identifier`; without it one is made up")
	topic := flag.String("topic", "hello/gneiss", "`topic` to subscribe and to publish to")
	flag.Parse()
	log.SetFlags(0)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	endpoint, err := chain.WebSocket(ctx, *name, func(o *chain.Options) {
		if *ca != "" {
			o.RootCAs = []direct.PEM{direct.File(*ca)}
		}
	})
	check(err)
	client, err := mqtt.New(awsiot.Defaults(mqtt.Config{Endpoint: endpoint, ClientID: *id}))
	check(err)
	defer client.Close()
	check(client.Start())
	session, err := client.Connected(ctx)
	check(err) // where the service has refused, it says why
	fmt.Println("connected as", session.ClientID)

	sub, err := client.Subscribe(ctx, mqtt.Filter{Filter: *topic, QoS: 1})
	check(awsiot.Explain(err))
	_, err = client.Publish(ctx, mqtt.Publish{Topic: *topic, Payload: []byte("hello from Go"), QoS: 1})
	check(awsiot.Explain(err))
	for m, err := range sub.Messages(ctx) {
		check(err)
		fmt.Printf("received on %s: %s\n", m.Topic, m.Payload)
		break
	}
	check(client.Shutdown(ctx))
}

func check(err error) {
	if err != nil {
		log.Fatalln("aws-websocket:", err)
	}
}
