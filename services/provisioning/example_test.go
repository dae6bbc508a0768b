package provisioning

import (
	"context"
	"fmt"
	"os"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
)

func ExampleProvision() {
	service := newCloud(nil) // stands for AWS IoT Core
	defer service.Close()
	claim, _ := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: service.Dial}, ClientID: "claim"}) // or of a builder, with the claim
	defer claim.Close()
	_ = claim.Start()
	dir, _ := os.MkdirTemp("", "identity")
	defer os.RemoveAll(dir)

	identity, err := Provision(context.Background(), reqres.New(claim), Options{
		Template:   "fleet",
		Parameters: map[string]string{"SerialNumber": "0815"},
		Dir:        dir,
		OwnKey:     true, // it crosses no network
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(identity.ThingName, identity.Configuration)
	// A client of its own: awsiot.KeyPair(identity.TLS()), or awsiot.Files(identity.CertFile, identity.KeyFile).
	fmt.Println(len(identity.TLS().Certificate), "certificate")
	// Output:
	// thing-0815 map[url:x]
	// 1 certificate
}
