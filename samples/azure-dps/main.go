// Azure-dps registers a device with the Device Provisioning Service, connects to the hub that it is told, and sends a
// message.
//
//	export DPS_KEY=...                       # of the enrollment, or with -group that of the group
//	go run ./samples/azure-dps -scope 0ne00000001 -id sn-007
//
// With -cert and -key it registers with a certificate. gneiss-azure prints what to run against an emulator.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	azureiot "github.com/gneiss-mqtt/gneiss-go/builders/azure"
	"github.com/gneiss-mqtt/gneiss-go/builders/azure/dps"
	"github.com/gneiss-mqtt/gneiss-go/builders/azure/iothub"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

func main() {
	host := flag.String("host", azureiot.ProvisioningHost, "`name` of the service")
	scope := flag.String("scope", "", "ID `scope` of the service")
	id := flag.String("id", "", "registration `ID` of the device")
	group := flag.Bool("group", false, "DPS_KEY is that of an enrollment group")
	cert := flag.String("cert", "", "PEM `file` of a certificate, in place of DPS_KEY")
	key := flag.String("key", "", "PEM `file` of its private key")
	ca := flag.String("ca", "", "PEM `file` of an authority to trust besides those of the system")
	socket := flag.Bool("websocket", false, "use port 443, for the hub as well")
	flag.Parse()
	log.SetFlags(0)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()

	way := func(o *azureiot.Options) {
		o.WebSocket = *socket
		if *ca != "" {
			o.RootCAs = []direct.PEM{direct.File(*ca)}
		}
	}
	o := dps.Options{Host: *host, Scope: *scope, RegistrationID: *id, Azure: way}
	switch {
	case *cert != "":
		o.Identity = azureiot.Files(*cert, *key)
	case *group:
		o.GroupKey = os.Getenv("DPS_KEY")
	default:
		o.Key = os.Getenv("DPS_KEY")
	}
	assigned, err := dps.Register(ctx, o)
	check(err)
	fmt.Printf("assigned to %s as %s\n", assigned.Hub, assigned.DeviceID)

	endpoint, d, err := assigned.Endpoint(way)
	check(err)
	client, err := mqtt.New(d.Defaults(mqtt.Config{Endpoint: endpoint}))
	check(err)
	defer client.Close()
	check(client.Start())
	check(iothub.New(client, d).Send(ctx, iothub.Telemetry{Payload: []byte("hello from Go")}))
	fmt.Println("sent a message")
	check(client.Shutdown(ctx))
}

func check(err error) {
	if err != nil {
		log.Fatalln("azure-dps:", err)
	}
}
