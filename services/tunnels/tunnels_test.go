package tunnels_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/services/tunnels"
)

const topic = "$aws/things/lamp/tunnels/notify"

func TestListen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		peer := mqtttest.NewPeer(t)
		conns := make(chan *mqtttest.Conn, 1)
		peer.Serve(func(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
			if s, ok := in.(*packet.Subscribe); ok && s.Filters[0].Filter == topic {
				conns <- c
			}
			return mqtttest.Answer(c, in)
		})
		m, err := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: peer.Dial}, ClientID: "lamp"})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			m.Close()
			<-m.Done()
		}()
		var got []*tunnels.Notification
		var bad []error
		established := false
		stream, err := tunnels.Listen(t.Context(), reqres.New(m), "lamp", func(n *tunnels.Notification) { got = append(got, n) },
			func(o *tunnels.StreamOptions) {
				o.Malformed = func(err *tunnels.MalformedError) { bad = append(bad, err) }
				o.Event = func(e reqres.StreamEvent) { established = e.Status == reqres.Established }
			})
		if err != nil {
			t.Fatal(err)
		}
		conn := <-conns
		for _, payload := range []string{
			`{"clientAccessToken":"secret","clientMode":"destination","region":"eu-west-1","services":["SSH","WEB"],"new":1}`,
			`{"clientAccessToken":"secret","services":"SSH"}`, `{"region":"eu-west-1"}`, `secret`,
		} {
			conn.Send(&packet.Publish{Topic: topic, Payload: []byte(payload)})
		}
		synctest.Wait()
		if len(got) != 1 || len(bad) != 3 || !established {
			t.Fatalf("got %v and %v, established %v", got, bad, established)
		}
		n := got[0]
		if n.Token != "secret" || n.Mode != tunnels.Destination || n.Region != "eu-west-1" || len(n.Services) != 2 || string(n.Unknown["new"]) != "1" {
			t.Errorf("got %v, %q, %v", n, n.Token, n.Unknown)
		}
		if text := fmt.Sprintf("%v %+v %#v %s %d %v", n, *n, *n, n, *n, bad); strings.Contains(text, "secret") {
			t.Errorf("%s tells the token", text)
		}
		stream.Close()
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, thing := range []string{"", "a/b", "+", strings.Repeat("x", 129)} {
		if _, err := tunnels.Listen(t.Context(), nil, thing, nil); err == nil {
			t.Errorf("%q is accepted", thing)
		}
	}
}
