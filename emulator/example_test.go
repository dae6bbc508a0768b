package emulator_test

import (
	"fmt"
	"log"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
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
