// Azure-eventgrid connects to the MQTT broker of an Event Grid namespace with the identity that azidentity finds, subscribes
// to a topic, publishes to it, prints what comes, and replaces its token on the live connection.
//
//	go run ./samples/azure-eventgrid -host factory.westeurope-1.ts.eventgrid.azure.net -topic factory/line-4/hello
//
// The identity needs the roles EventGrid TopicSpaces Publisher and Subscriber, and the topic a topic space. gneiss-azure
// prints what to run against an emulator.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	azureiot "github.com/gneiss-mqtt/gneiss-go/builders/azure"
	"github.com/gneiss-mqtt/gneiss-go/builders/azure/chain"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

func main() {
	host := flag.String("host", os.Getenv("EVENTGRID_HOST"), "`name` of the namespace for MQTT, with or without a port")
	ca := flag.String("ca", "", "PEM `file` of an authority to trust besides those of the system")
	id := flag.String("id", "line-4", "client `identifier`, the name of the session")
	topic := flag.String("topic", "factory/line-4/hello", "`topic` to subscribe and to publish to")
	socket := flag.Bool("websocket", false, "use port 443")
	flag.Parse()
	log.SetFlags(0)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	endpoint, err := chain.EventGrid(*host, func(o *chain.Options) {
		o.WebSocket = *socket
		if *ca != "" {
			o.RootCAs = []direct.PEM{direct.File(*ca)}
		}
	})
	check(err)
	client, err := mqtt.New(azureiot.EventGridDefaults(mqtt.Config{Endpoint: endpoint, ClientID: *id}))
	check(err)
	defer client.Close()
	check(client.Start())
	session, err := client.Connected(ctx)
	check(err) // where the service has refused, it says why
	fmt.Println("connected as", session.ClientID)

	sub, err := client.Subscribe(ctx, mqtt.Filter{Filter: *topic, QoS: 1})
	check(err)
	_, err = client.Publish(ctx, mqtt.Publish{Topic: *topic, Payload: []byte("hello from Go"), QoS: 1})
	check(err)
	for m, err := range sub.Messages(ctx) {
		check(err)
		fmt.Printf("received on %s: %s\n", m.Topic, m.Payload)
		break
	}
	// The client does this by itself before the token expires.
	switch err := client.Reauthenticate(ctx); {
	case errors.Is(err, mqtt.ErrAuthLater):
		fmt.Println("the broker does not take a new token now")
	default:
		check(err)
		fmt.Println("authenticated anew")
	}
	check(client.Shutdown(ctx))
}

func check(err error) {
	if err != nil {
		log.Fatalln("azure-eventgrid:", err)
	}
}
