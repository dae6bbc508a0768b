package azureiot_test

import (
	"fmt"
	"log"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	azureiot "github.com/gneiss-mqtt/gneiss-go/builders/azure"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

func ExampleEventGrid() {
	var credential azcore.TokenCredential // such as azidentity.NewManagedIdentityCredential(nil)
	endpoint, err := azureiot.EventGrid("factory.westeurope-1.ts.eventgrid.azure.net", credential)
	if err != nil {
		log.Print(err)
		return
	}
	client, err := mqtt.New(azureiot.EventGridDefaults(mqtt.Config{Endpoint: endpoint, ClientID: "line-4"}))
	if err != nil {
		log.Print(err)
		return
	}
	defer client.Close()
}

func ExampleIoTHub() {
	d := azureiot.Device{ID: "pump-7"}
	endpoint, err := azureiot.IoTHub("hub.azure-devices.net", d, azureiot.SAS{Key: "c2VjcmV0", TTL: 12 * time.Hour})
	if err != nil {
		log.Fatal(err)
	}
	cfg := d.Defaults(mqtt.Config{Endpoint: endpoint})
	fmt.Println(cfg.Endpoint.Name, cfg.ClientID, cfg.Version)
	// Output: mqtts://hub.azure-devices.net:8883 pump-7 MQTT 3.1.1
}

func ExampleDeriveKey() {
	key, err := azureiot.DeriveKey("Z3JvdXAga2V5", "sn-007") // in the factory, never on the device
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(key))
	// Output: 44
}

func ExampleOperations() {
	endpoint, err := azureiot.Operations("aio-broker", "/var/run/secrets/tokens/broker-sat")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(endpoint.Name, endpoint.Auth.Method())
	// Output: mqtts://aio-broker:18883 K8S-SAT
}
