// Aws-pkcs12 connects to AWS IoT Core with a device certificate in a PKCS #12 file, subscribes to a topic, publishes to it and
// prints what comes.
//
//	export P12_PASSWORD=...
//	openssl pkcs12 -export -in device.pem -inkey device.key -out device.p12 -passout env:P12_PASSWORD
//	go run ./samples/aws-pkcs12 -endpoint a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com -p12 device.p12
//
// A policy of the certificate has to allow iot:Connect for the client identifier, and iot:Publish, iot:Subscribe and
// iot:Receive for the topic; an error says what is missing.
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
	file := flag.String("p12", "device.p12", "PKCS #12 `file` with the certificate and its key; its password is $P12_PASSWORD")
	id := flag.String("id", "device", "client `identifier`: many policies ask for the name of the thing")
	topic := flag.String("topic", "hello/gneiss", "`topic` to subscribe and to publish to")
	flag.Parse()
	log.SetFlags(0)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	identity := awsiot.PKCS12(*file, os.Getenv("P12_PASSWORD"))
	endpoint, err := awsiot.MTLS(*name, identity, func(o *awsiot.Options) {
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
		log.Fatalln("aws-pkcs12:", err)
	}
}
