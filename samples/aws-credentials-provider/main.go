// Aws-credentials-provider gets AWS credentials for a device certificate, connects to AWS IoT Core with them over a WebSocket,
// subscribes to a topic, publishes to it and prints what comes. The credentials serve any client of the AWS SDK as well.
//
//	go run ./samples/aws-credentials-provider -endpoint a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com \
//		-provider c3d4e5f6g7a1b2.credentials.iot.eu-west-1.amazonaws.com -role-alias MyRole -cert device.pem -key device.key
//
// A policy of the certificate has to allow iot:AssumeRoleWithCertificate for the role alias; the role has to allow
// iot:Connect, iot:Publish, iot:Subscribe and iot:Receive.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

func main() {
	name := flag.String("endpoint", os.Getenv("AWS_IOT_ENDPOINT"), "`name` of the account's endpoint for MQTT, with or without a port")
	provider := flag.String("provider", os.Getenv("AWS_IOT_CREDENTIALS_ENDPOINT"), "`name` of the account's endpoint for credentials")
	alias := flag.String("role-alias", os.Getenv("AWS_IOT_ROLE_ALIAS"), "`name` of the role alias")
	region := flag.String("region", os.Getenv("AWS_REGION"), "`region`, where the name of the endpoint has none")
	ca := flag.String("ca", "", "PEM `file` of an authority to trust besides those of the system")
	cert := flag.String("cert", "device.pem", "PEM `file` of the device certificate")
	key := flag.String("key", "device.key", "PEM `file` of its private key")
	id := flag.String("id", "device", "client `identifier`: many policies ask for the name of the thing")
	topic := flag.String("topic", "hello/gneiss", "`topic` to subscribe and to publish to")
	flag.Parse()
	log.SetFlags(0)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	var roots []direct.PEM
	if *ca != "" {
		roots = append(roots, direct.File(*ca))
	}
	credentials, err := awsiot.X509Credentials(*provider, *alias, awsiot.Files(*cert, *key),
		func(o *awsiot.CredentialsOptions) { o.RootCAs = roots })
	check(err)
	endpoint, err := awsiot.WebSocket(aws.Config{Credentials: credentials, Region: *region}, *name,
		func(o *awsiot.Options) { o.RootCAs = roots })
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
		log.Fatalln("aws-credentials-provider:", err)
	}
}
