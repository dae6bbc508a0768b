// Azure-iothub is a device of an IoT Hub: it sends telemetry, reports what it does, follows what the cloud wants, and takes
// methods and messages.
//
//	export IOTHUB_DEVICE_CONNECTION_STRING='HostName=...;DeviceId=...;SharedAccessKey=...'
//	go run ./samples/azure-iothub -for 10m
//
// The connection string is that of the device, not of the hub. gneiss-azure prints what to run against an emulator.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	azureiot "github.com/gneiss-mqtt/gneiss-go/builders/azure"
	"github.com/gneiss-mqtt/gneiss-go/builders/azure/iothub"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

func main() {
	ca := flag.String("ca", "", "PEM `file` of an authority to trust besides those of the system")
	socket := flag.Bool("websocket", false, "use port 443")
	life := flag.Duration("for", 10*time.Second, "how long to run")
	flag.Parse()
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *life)
	defer cancel()

	host, d, key, err := azureiot.ParseConnectionString(os.Getenv("IOTHUB_DEVICE_CONNECTION_STRING"))
	check(err)
	endpoint, err := azureiot.IoTHub(host, d, key, func(o *azureiot.Options) {
		o.WebSocket = *socket
		if *ca != "" {
			o.RootCAs = []direct.PEM{direct.File(*ca)}
		}
	})
	check(err)
	client, err := mqtt.New(d.Defaults(mqtt.Config{Endpoint: endpoint}))
	check(err)
	defer client.Close()
	check(client.Start())
	_, err = client.Connected(ctx)
	check(err)
	fmt.Println("connected as", d.ClientID())

	device := iothub.New(client, d)
	_, err = device.Messages(ctx, func(m iothub.Message) { fmt.Printf("message: %s\n", m.Payload) })
	check(err)
	_, err = device.Methods(ctx, func(m iothub.Method) (int, any) {
		fmt.Printf("method %s: %s\n", m.Name, m.Payload)
		return 200, map[string]string{"done": m.Name}
	})
	check(err)
	check(device.WatchDesired(ctx, func(want iothub.Desired) { fmt.Printf("desired, version %d: %s\n", want.Version, want.JSON) }))
	_, err = device.Report(ctx, map[string]any{"firmware": "1.4.2"})
	check(err)
	for n := 1; ctx.Err() == nil; n++ {
		reading := fmt.Appendf(nil, `{"reading":%d}`, n)
		switch err := device.Send(ctx, iothub.Telemetry{Payload: reading, ContentType: "application/json", ContentEncoding: "utf-8"}); {
		case err == nil:
			fmt.Printf("sent %s\n", reading)
		case ctx.Err() == nil:
			log.Println(err)
		}
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
		}
	}
	bye, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	check(client.Shutdown(bye))
}

func check(err error) {
	if err != nil {
		log.Fatalln("azure-iothub:", err)
	}
}
