package packet_test

import (
	"errors"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// A stream is read in pieces of any size: the framer cuts it into packets, the decoder reads them.
func ExampleFramer() {
	stream := []byte{
		0x20, 0x03, 0x00, 0x00, 0x00, // CONNACK
		0x30, 0x0D, 0x00, 0x08, 'r', 'o', 'o', 'm', '/', 't', 'm', 'p', 0x00, '2', '1', // PUBLISH
	}
	framer := packet.Framer{Limit: 1 << 20}
	decoder := packet.Decoder{Version: packet.V5}
	for _, chunk := range [][]byte{stream[:3], stream[3:9], stream[9:]} {
		for {
			frame, rest, ok, err := framer.Next(chunk)
			if err != nil {
				fmt.Println(err) // the stream is lost: close the connection
				return
			}
			if !ok {
				break // read more
			}
			chunk = rest
			p, err := decoder.Decode(frame)
			if err != nil {
				fmt.Println(err)
				return
			}
			switch p := p.(type) {
			case *packet.Connack:
				fmt.Println(p.Type(), p.Code)
			case *packet.Publish:
				fmt.Println(p.Type(), p.Topic, string(p.Payload))
			}
		}
	}
	// Output:
	// CONNACK success 0x00
	// PUBLISH room/tmp 21
}

// Where speed matters, one packet is decoded into again and again.
func ExamplePublish_Decode() {
	wire := []byte{0x30, 0x05, 0x00, 0x01, 't', 0x00, 'x'}
	var decoder packet.Decoder
	var p packet.Publish
	for range 2 {
		frame, n, err := packet.ScanFrame(wire, 0)
		if err != nil || n == 0 {
			return
		}
		if err := p.Decode(frame, &decoder); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%d bytes: %s on %s\n", n, p.Payload, p.Topic)
	}
	// Output:
	// 7 bytes: x on t
	// 7 bytes: x on t
}

func ExamplePublish_Append() {
	p := &packet.Publish{
		Topic:         "room/tmp",
		Payload:       []byte("21"),
		MessageExpiry: packet.Some[uint32](60),
	}
	buf, err := p.Append(nil, packet.V5)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("MQTT 5:     % x\n", buf)
	buf, err = p.Append(buf[:0], packet.V311) // the same memory again
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("MQTT 3.1.1: % x\n", buf)
	// Output:
	// MQTT 5:     30 12 00 08 72 6f 6f 6d 2f 74 6d 70 05 02 00 00 00 3c 32 31
	// MQTT 3.1.1: 30 0c 00 08 72 6f 6f 6d 2f 74 6d 70 32 31
}

func ExampleSubscribe_Validate() {
	s := &packet.Subscribe{Filters: []packet.Filter{{Filter: "room/#/tmp"}}}
	fmt.Println(s.Validate(packet.V5, false))
	// Output:
	// packet: SUBSCRIBE: # does not stand alone in the last level of the topic filter [MQTT-4.7.1-1] (malformed packet 0x81)
}

func ExampleError() {
	_, err := new(packet.Decoder).Decode(packet.Frame{First: 0x40, Body: []byte{0, 0}})
	if e, ok := errors.AsType[*packet.Error](err); ok {
		fmt.Println("a DISCONNECT for this carries", e.Code)
		fmt.Println("because of", e.Clause, "in", e.Packet)
	}
	// Output:
	// a DISCONNECT for this carries malformed packet 0x81
	// because of MQTT-2.2.1-3 in PUBACK
}

func ExampleMatch() {
	for _, filter := range []string{"room/+/tmp", "room/#", "#", "$share/group/room/+/tmp", "room/+"} {
		fmt.Println(filter, packet.Match(filter, "room/12/tmp"))
	}
	// Output:
	// room/+/tmp true
	// room/# true
	// # true
	// $share/group/room/+/tmp true
	// room/+ false
}
