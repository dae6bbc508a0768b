package memnet_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/memnet"
)

func ExampleNetwork_DialContext() {
	network := memnet.New(memnet.Link{Latency: time.Millisecond, MaxRead: 4}, 1)
	l, err := network.Listen("server")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		conn, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Fprint(conn, "hello from ", conn.LocalAddr())
		conn.Close()
	}()
	conn, err := network.DialContext(context.Background(), "mem", "server")
	if err != nil {
		log.Fatal(err)
	}
	text, err := io.ReadAll(conn)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
	// Output: hello from server
}
