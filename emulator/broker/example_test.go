package broker_test

import (
	"fmt"
	"log"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// A driver tells the broker what happens and when, and collects what comes of it.
func Example() {
	b, err := broker.New(broker.Options{})
	if err != nil {
		log.Fatal(err)
	}
	now := broker.Instant(0)
	id := b.Open(now, broker.ConnInfo{Remote: "somewhere"})

	connect := packet.Connect{ClientID: "device", CleanStart: true, KeepAlive: 20}
	bytes, err := connect.Append(nil, packet.V5)
	if err != nil {
		log.Fatal(err)
	}
	b.Receive(now, id, bytes)
	collect(b, now)

	at, _ := b.NextWake() // one and a half keep alives later
	fmt.Println("wake after", at.Sub(now))
	b.Wake(at)
	collect(b, at)
	// Output:
	// connection 1: CONNACK, closing: false
	// wake after 30s
	// connection 1: DISCONNECT, closing: true
}

// collect hands the output to where it belongs.
func collect(b *broker.Broker, now broker.Instant) {
	for _, id := range b.TakeReady(nil) {
		out, closing := b.TakeOut(id, nil)
		frame, n, err := packet.ScanFrame(out, 0)
		if err != nil || n != len(out) {
			log.Fatal(err)
		}
		fmt.Printf("connection %d: %s, closing: %v\n", id, frame.Type(), closing)
		b.Written(now.Add(time.Millisecond), id, len(out))
	}
}
