package mqtt_test

import (
	"errors"
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

// Packets that only clients send, and those that come twice or too early.
//
// Conformance: MQTT-3.2.0-1, MQTT-3.2.0-2, MQTT-3.14.0-1
func TestPacketsOutOfPlace(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		for _, p := range append(fromBroker(version), &packet.Connect{ClientID: "you"}, &packet.Pingreq{},
			&packet.Subscribe{ID: 1, Filters: []packet.Filter{{Filter: "f"}}}, &packet.Unsubscribe{ID: 1, Filters: []string{"f"}}) {
			whole, err := p.Append(nil, version)
			if err != nil {
				t.Fatal(err)
			}
			if p.Type() != packet.CONNACK { // before CONNACK
				if err := survive(t, version, false, whole); !errors.Is(err, &mqtt.ProtocolError{Code: packet.ProtocolError}) {
					t.Errorf("%v before CONNACK: %v", p.Type(), err)
				}
			}
			if clients := p.Type() == packet.CONNACK || p.Type() == packet.CONNECT || p.Type() == packet.PINGREQ ||
				p.Type() == packet.SUBSCRIBE || p.Type() == packet.UNSUBSCRIBE; clients {
				if err := survive(t, version, true, whole); !errors.Is(err, &mqtt.ProtocolError{Code: packet.ProtocolError}) {
					t.Errorf("%v after CONNACK: %v", p.Type(), err)
				}
			}
		}
	})
}

// A CONNACK may contradict itself, the CONNECT or the specification.
//
// Conformance: MQTT-3.2.2-1, MQTT-3.2.2-2, MQTT-3.2.2-6, MQTT-3.2.2-8, MQTT-3.2.2-9
func TestContradictoryConnack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for name, test := range map[string]struct {
			connack []byte
			clause  string
		}{
			"flags":                           {[]byte{0x20, 3, 2, 0, 0}, "MQTT-3.2.2-1"},
			"session present on a refusal":    {[]byte{0x20, 3, 1, 0x87, 0}, "MQTT-3.2.2-6"},
			"a code of another packet":        {[]byte{0x20, 3, 0, 0x10, 0}, "MQTT-3.2.2-8"},
			"an unknown code":                 {[]byte{0x20, 3, 0, 0xff, 0}, "MQTT-3.2.2-8"},
			"receive maximum 0":               {[]byte{0x20, 6, 0, 0, 3, 0x21, 0, 0}, ""},
			"maximum packet size 0":           {[]byte{0x20, 8, 0, 0, 5, 0x27, 0, 0, 0, 0}, ""},
			"maximum QoS 2":                   {[]byte{0x20, 5, 0, 0, 2, 0x24, 2}, ""},
			"retain available 2":              {[]byte{0x20, 5, 0, 0, 2, 0x25, 2}, ""},
			"a property twice":                {[]byte{0x20, 7, 0, 0, 4, 0x24, 0, 0x24, 0}, ""},
			"a property of another packet":    {[]byte{0x20, 6, 0, 0, 3, 0x23, 0, 1}, ""},
			"an unknown property":             {[]byte{0x20, 5, 0, 0, 2, 0x7f, 0}, ""},
			"properties longer than packet":   {[]byte{0x20, 3, 0, 0, 9}, ""},
			"properties shorter than packet":  {[]byte{0x20, 5, 0, 0, 0, 0x25, 1}, ""},
			"a method that was not asked for": {[]byte{0x20, 7, 0, 0, 4, 0x15, 0, 1, 'm'}, "MQTT-4.12.0-5"},
			"no code":                         {[]byte{0x20, 1, 0}, ""},
			"nothing":                         {[]byte{0x20, 0}, ""},
			"of MQTT 3.1.1":                   {[]byte{0x20, 2, 0, 0}, ""},
			"too long a length":               {[]byte{0x20, 0x83, 0x80, 0x80, 0x80, 0}, ""},
		} {
			err := survive(t, packet.V5, false, test.connack)
			broken, ok := errors.AsType[*mqtt.ProtocolError](err)
			if !ok || test.clause != "" && broken.Clause != test.clause || broken.Clause == "" {
				t.Errorf("%s: %v", name, err)
			}
		}
		p := newPeer(t)
		c := start(t, p, func(c *mqtt.Config) { c.CleanStart = true })
		conn, _ := p.Connect(&packet.Connack{SessionPresent: true})
		if d := mqtttest.Expect[packet.Disconnect](conn); d.Code != packet.ProtocolError {
			t.Errorf("DISCONNECT %v", d.Code)
		}
		conn.ExpectEnd()
		_, err := c.Connected(expired(t))
		wantErr(t, err, &mqtt.ProtocolError{Code: packet.ProtocolError, Clause: "MQTT-3.2.2-2"})
	})
}

// An answer that does not fit its request is not taken for a success.
//
// Conformance: MQTT-3.8.4-6, MQTT-3.11.3-1
func TestAnswersThatDoNotFit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for name, answer := range map[string]func(id uint16) packet.Packet{
			"too few codes":  func(id uint16) packet.Packet { return &packet.Suback{ID: id, Codes: []packet.ReasonCode{0}} },
			"too many codes": func(id uint16) packet.Packet { return &packet.Suback{ID: id, Codes: []packet.ReasonCode{0, 0, 0}} },
			"UNSUBACK": func(id uint16) packet.Packet {
				return &packet.Unsuback{ID: id, Codes: []packet.ReasonCode{0, 0}}
			},
			"PUBACK": func(id uint16) packet.Packet { return &packet.Puback{Ack: packet.Ack{ID: id}} },
		} {
			p := newPeer(t)
			c, conn := connect(t, p)
			over := async(func() error {
				_, err := c.Subscribe(t.Context(), mqtt.Filter{Filter: "a"}, mqtt.Filter{Filter: "b"})
				return err
			})
			in := mqtttest.Expect[packet.Subscribe](conn)
			conn.Send(answer(in.ID))
			if d := mqtttest.Expect[packet.Disconnect](conn); d.Code != packet.ProtocolError {
				t.Errorf("%s: DISCONNECT %v", name, d.Code)
			}
			conn.ExpectEnd()
			conn.Close()
			conn, _ = p.Connect(&packet.Connack{SessionPresent: true})
			if name == "UNSUBACK" || name == "PUBACK" { // it was not meant: ask again
				conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Subscribe](conn))...)
				if err := <-over; err != nil {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			wantErr(t, <-over, &mqtt.ProtocolError{Code: packet.ProtocolError})
		}
	})
}

// Acknowledgements of identifiers that nobody uses are counted and harm nothing; strict mode ends the connection.
//
// Conformance: MQTT-2.2.1-5
func TestAcksForNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, strict := range []bool{false, true} {
			p := newPeer(t)
			told := make(chan error, 10)
			c, conn := connect(t, p, func(c *mqtt.Config) {
				c.Strict = strict
				c.Trace = &mqtt.Trace{Forgiven: func(err error) { told <- err }}
			})
			over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
			in := mqtttest.Expect[packet.Publish](conn)
			conn.Send(&packet.Puback{Ack: packet.Ack{ID: in.ID + 1}})
			if strict {
				mqtttest.Expect[packet.Disconnect](conn)
				conn.Close()
				conn, _ = p.Connect(&packet.Connack{SessionPresent: true})
				in = mqtttest.Expect[packet.Publish](conn)
			} else if err := recv(t, told); !errors.Is(err, &mqtt.ProtocolError{Code: packet.ProtocolError}) || c.Stats().Forgiven != 1 {
				t.Errorf("%v, %+v", err, c.Stats())
			}
			synctest.Wait()
			if len(over) != 0 {
				t.Error("the publish is over")
			}
			conn.Send(mqtttest.Answer(conn, in)...)
			if r := <-over; r.err != nil {
				t.Error(r.err)
			}
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

// A packet within our maximum is taken, one byte more is not.
func TestMaximumPacketSize(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p, func(c *mqtt.Config) { c.MaximumPacketSize = 100 })
		conn, connect := p.Connect(&packet.Connack{})
		connected(t, c)
		if connect.MaximumPacketSize != 100 {
			t.Errorf("CONNECT says %d", connect.MaximumPacketSize)
		}
		got := collect(t, c, conn, mqtt.Filter{Filter: "t"})
		fits := message("t", strings.Repeat("x", 94), 0, 0)
		conn.Send(fits)
		recv(t, got)
		fits.Payload = append(fits.Payload, 'x')
		conn.Send(fits)
		if d := mqtttest.Expect[packet.Disconnect](conn); d.Code != packet.PacketTooLarge {
			t.Errorf("DISCONNECT %v", d.Code)
		}
		synctest.Wait()
		if len(got) != 0 {
			t.Error("it was delivered")
		}
	})
}
