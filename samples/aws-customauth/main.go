// Aws-customauth connects to AWS IoT Core with a custom authorizer, and publishes to a topic that it is subscribed to.
//
//	export AUTHORIZER_PASSWORD=...
//	go run ./samples/aws-customauth -endpoint a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com -authorizer MyAuth -user alice
//
//	export AUTHORIZER_TOKEN=...
//	go run ./samples/aws-customauth -endpoint ... -authorizer MyAuth -token-key token -signature ... -websocket
//
// The policy that the authorizer returns has to allow iot:Connect, iot:Publish, iot:Subscribe and iot:Receive.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

func main() {
	name := flag.String("endpoint", os.Getenv("AWS_IOT_ENDPOINT"), "`name` of the account's endpoint for MQTT, with or without a port")
	ca := flag.String("ca", "", "PEM `file` of an authority to trust besides those of the system")
	overWebSocket := flag.Bool("websocket", false, "connect over a WebSocket")
	var a awsiot.Authorizer
	flag.StringVar(&a.Name, "authorizer", "", "`name` of the authorizer; without it the default one")
	flag.StringVar(&a.Username, "user", "", "`name` of the user; the password is $AUTHORIZER_PASSWORD")
	flag.StringVar(&a.TokenKeyName, "token-key", "", "`name` that the token goes by; the token is $AUTHORIZER_TOKEN")
	flag.StringVar(&a.TokenSignature, "signature", "", "`signature` of the token, in base64")
	id := flag.String("id", "", "client `identifier`; without it one is made up")
	topic := flag.String("topic", "hello/gneiss", "`topic` to subscribe and to publish to")
	flag.Parse()
	log.SetFlags(0)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	if password, ok := os.LookupEnv("AUTHORIZER_PASSWORD"); ok {
		a.Password = []byte(password)
	}
	a.TokenValue = os.Getenv("AUTHORIZER_TOKEN")
	connect := awsiot.CustomAuth
	if *overWebSocket {
		connect = awsiot.CustomAuthWebSocket
	}
	endpoint, err := connect(*name, a, func(o *awsiot.Options) {
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
		log.Fatalln("aws-customauth:", err)
	}
}
