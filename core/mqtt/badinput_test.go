package mqtt_test

import (
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// survive lets the broker send bytes, before CONNACK or after it, and then hang up. It wants an error that says
// something, within the connect deadline, nothing delivered, and the client to go on. It returns the error.
func survive(t *testing.T, version packet.Version, accept bool, bytes []byte) error {
	t.Helper()
	p := newPeer(t)
	p.Version = version
	defer p.Close()
	told := make(chan error, 10)
	delivered := 0
	c, err := mqtt.New(configure(p, v(version), func(c *mqtt.Config) {
		c.Handler = func(mqtt.Message) { delivered++ }
		c.Endpoint.Terminal = func(error) bool { return false }
		c.Trace = &mqtt.Trace{
			ConnectFailed: func(err *mqtt.ConnectError, _ time.Duration) { told <- err },
			Disconnected:  func(err error) { told <- err },
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	conn := p.Accept()
	mqtttest.Expect[packet.Connect](conn)
	if accept {
		conn.Send(&packet.Connack{})
	}
	_, _ = conn.NetConn().Write(bytes) // the client may have hung up
	conn.Close()
	err = recv(t, told)
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("%x: after %v", bytes, took)
	}
	if err == nil || !strings.HasPrefix(err.Error(), "mqtt: ") || strings.Contains(err.Error(), "EOF") {
		t.Errorf("%x: %v", bytes, err)
	}
	p.Connect(&packet.Connack{})
	connected(t, c)
	c.Close()
	gone(t, c)
	if delivered > 0 {
		t.Errorf("%x: %d messages were delivered", bytes, delivered)
	}
	return err
}

// fromBroker has a packet of every kind that a broker may send, with everything in it.
func fromBroker(version packet.Version) []packet.Packet {
	user := []packet.UserProperty{{Key: "key", Value: "value"}}
	ack := packet.Ack{ID: 1, ReasonString: "reason", UserProperties: user}
	list := []packet.Packet{
		&packet.Connack{AssignedClientID: "id", ReasonString: "reason", UserProperties: user, ServerKeepAlive: packet.Some(uint16(9))},
		&packet.Publish{Topic: "topic", Payload: []byte("payload"), QoS: 1, ID: 1, ContentType: "type", CorrelationData: []byte("data"),
			SubscriptionIDs: []uint32{1, 300}, UserProperties: user},
		&packet.Puback{Ack: ack}, &packet.Pubrec{Ack: ack}, &packet.Pubrel{Ack: ack}, &packet.Pubcomp{Ack: ack},
		&packet.Suback{ID: 1, Codes: []packet.ReasonCode{0, 1}, ReasonString: "reason"},
		&packet.Unsuback{ID: 1, Codes: []packet.ReasonCode{0, 0x11}, ReasonString: "reason"},
		&packet.Pingresp{},
	}
	if version == packet.V5 {
		list = append(list, &packet.Disconnect{Code: packet.ServerBusy, ReasonString: "reason", ServerReference: "there"},
			&packet.Auth{Code: packet.ContinueAuthentication, Method: "method", Data: []byte("data")})
	}
	return list
}

// F92: any packet may be cut short at any byte.
func TestTruncatedPackets(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		for _, p := range fromBroker(version) {
			whole, err := p.Append(nil, version)
			if err != nil {
				t.Fatal(err)
			}
			for n := range whole {
				survive(t, version, p.Type() != packet.CONNACK, whole[:n])
				// The same with a length that fits: not unfinished, but wrong.
				if n >= 2 && len(whole) < 128 && p.Type() != packet.PUBLISH { // a payload may have any length
					short := append([]byte{whole[0], byte(n - 2)}, whole[2:n]...)
					survive(t, version, p.Type() != packet.CONNACK, append(short, 0))
				}
			}
		}
	})
}

// F98, F94: nonsense of any kind, at any time.
func TestGarbage(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		r := rand.New(rand.NewPCG(7, uint64(version)))
		for i := range 200 {
			p := make([]byte, 1+r.IntN(3000))
			for i := range p {
				p[i] = byte(r.Uint32())
			}
			if i%2 == 0 { // something that looks like a packet
				p[0] = []byte{0x20, 0x30, 0x31, 0x40, 0x50, 0x62, 0x70, 0x90, 0xb0, 0xd0, 0xe0, 0xf0}[i/2%12]
				p = append(append([]byte{p[0]}, 50), p[1:]...)
			}
			survive(t, version, i%3 > 0, p)
		}
	})
}

// F84, F94: a length of 256 MB is refused by itself. Memory does not follow what a peer announces, nor what it sends
// without end. The test is not parallel: it measures the memory of the process.
//
// Conformance: MQTT-3.1.2-24
func TestMemoryDoesNotFollowThePeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for _, accept := range []bool{false, true} {
			for _, first := range []byte{0x20, 0x30, 0x90, 0xe0, 0xf0} {
				err := survive(t, packet.V5, accept, []byte{first, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3})
				wantErr(t, err, &mqtt.ProtocolError{Code: packet.PacketTooLarge})
			}
		}
		runtime.ReadMemStats(&after)
		if n := (after.TotalAlloc - before.TotalAlloc) / 10; n > 1<<20 {
			t.Errorf("%d bytes for each of the connections", n)
		}
	})
}
