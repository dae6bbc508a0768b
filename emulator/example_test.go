package emulator_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

func ExampleStart() {
	srv, err := emulator.Start(emulator.Options{Profile: emulator.Generic}) // a free port of 127.0.0.1
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	// Connect a client to srv.Addr() or srv.URL(). Meanwhile the server can publish too:
	err = srv.Publish(packet.Publish{Topic: "weather", Payload: []byte("sunny"), Retain: true})
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range srv.Retained("#") {
		fmt.Printf("%s: %s\n", m.Topic, m.Payload)
	}
	// Output: weather: sunny
}

func ExampleServer_Device() {
	srv, err := emulator.Start(emulator.Options{}) // AWS IoT Core, on free ports
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	device, err := srv.Device("thermostat-7")
	if err != nil {
		log.Fatal(err)
	}

	// Programs take device.CertPEM, device.KeyPEM and device.CAPEM, or the files that device.Write writes. Here the
	// client dials by itself.
	dialer := tls.Dialer{Config: device.TLS()}
	client, err := mqtt.New(mqtt.Config{
		ClientID: device.Thing,
		Endpoint: mqtt.Endpoint{Dial: func(ctx context.Context) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", device.Endpoint)
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := client.Start(); err != nil {
		log.Fatal(err)
	}
	session, err := client.Connected(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(session.ClientID, "may have", session.ReceiveMaximum, "messages in flight")
	// Output: thermostat-7 may have 100 messages in flight
}

// A custom authorizer is a function, or a table.
func ExampleOptions_authorizer() {
	srv, err := emulator.Start(emulator.Options{IoT: iotcore.Options{Authorizers: []iotcore.Authorizer{{
		Name: "passwords",
		Authorize: func(ctx context.Context, e iotcore.AuthorizerEvent) (iotcore.AuthorizerDecision, error) {
			known := e.Username == "alice" && string(e.Password) == "wonderland"
			return iotcore.AuthorizerDecision{Authenticated: known, PrincipalID: "alice", RefreshAfter: time.Hour}, nil
		},
	}}}})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	// Clients connect to srv.Endpoint() with the ALPN mqtt, or over a WebSocket.
}

func ExampleServer_Kill() {
	srv, err := emulator.Start(emulator.Options{Profile: emulator.Generic})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	before := srv.Addr()

	if err := srv.Kill(); err != nil { // every connection is cut
		log.Fatal(err)
	}
	if err := srv.Restart(emulator.KeepSessions); err != nil {
		log.Fatal(err)
	}
	fmt.Println(srv.Addr() == before)
	// Output: true
}
