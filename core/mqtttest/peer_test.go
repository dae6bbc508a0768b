package mqtttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// failures stands for the test that a peer fails.
type failures struct {
	*testing.T
	list []string
}

func (f *failures) Fatalf(format string, args ...any) {
	f.list = append(f.list, fmt.Sprintf(format, args...))
	runtime.Goexit()
}

// fails wants f to fail the test with these words.
func (f *failures) fails(t *testing.T, want string, g func()) {
	t.Helper()
	f.list = nil
	over := make(chan struct{})
	go func() {
		defer close(over)
		g()
	}()
	<-over
	if len(f.list) != 1 || !strings.Contains(f.list[0], want) {
		t.Errorf("got %q, want %q", f.list, want)
	}
}

// dial plays the client.
func dial(t *testing.T, p *Peer) net.Conn {
	t.Helper()
	conn, err := p.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func send(t *testing.T, conn net.Conn, v packet.Version, list ...packet.Packet) {
	t.Helper()
	for _, p := range list {
		out, err := p.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(out); err != nil {
			t.Fatal(err)
		}
	}
}

// read reads the next packet of the peer.
func read(t *testing.T, conn net.Conn, v packet.Version) packet.Packet {
	t.Helper()
	var framer packet.Framer
	d := packet.Decoder{Version: v}
	b := make([]byte, 1)
	for {
		if _, err := conn.Read(b); err != nil {
			t.Fatal(err)
		}
		if f, _, ok, err := framer.Next(b); err != nil {
			t.Fatal(err)
		} else if ok {
			p, err := d.Decode(f)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
	}
}

// A dialogue, in both versions, in memory and over TCP.
func TestPeerDialogue(t *testing.T) {
	t.Parallel()
	for _, v := range []packet.Version{packet.V5, packet.V311} {
		for name, newPeer := range map[string]func(TB) *Peer{"memory": NewPeer, "TCP": NewLoopbackPeer} {
			t.Run(name+" "+v.String(), func(t *testing.T) {
				t.Parallel()
				p := newPeer(t)
				client := dial(t, p)
				send(t, client, v, &packet.Connect{ClientID: "c"}, &packet.Publish{Topic: "a", Payload: []byte("1")},
					&packet.Publish{Topic: "b", Payload: []byte("2")})
				conn, connect := p.Connect(&packet.Connack{})
				if connect.ClientID != "c" || conn.Version() != v || connect.Version != v {
					t.Errorf("%+v, %v", connect, conn.Version())
				}
				if in := read(t, client, v); in.Type() != packet.CONNACK {
					t.Errorf("%v", in.Type())
				}
				a, b := Expect[packet.Publish](conn), conn.Next().(*packet.Publish)
				if a.Topic+string(a.Payload)+b.Topic+string(b.Payload) != "a1b2" { // none overwrote the other
					t.Errorf("%+v %+v", a, b)
				}
				conn.Send(&packet.Puback{Ack: packet.Ack{ID: 1}}, &packet.Pingresp{})
				conn.SendBytes([]byte{0xd0, 0})
				for _, want := range []packet.Type{packet.PUBACK, packet.PINGRESP, packet.PINGRESP} {
					if in := read(t, client, v); in.Type() != want {
						t.Errorf("%v, want %v", in.Type(), want)
					}
				}
				client.Close()
				conn.ExpectEnd()
				if p.Dials() != 1 {
					t.Errorf("%d dials", p.Dials())
				}
			})
		}
	}
}

func TestPeerEndsConnections(t *testing.T) {
	t.Parallel()
	for name, newPeer := range map[string]func(TB) *Peer{"memory": NewPeer, "TCP": NewLoopbackPeer} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t)
			client := dial(t, p)
			conn := p.Accept()
			conn.SendBytes([]byte("x"))
			conn.Close()
			if got, err := io.ReadAll(client); string(got) != "x" || err != nil {
				t.Errorf("%q, %v", got, err)
			}
			client = dial(t, p)
			p.Accept().Cut()
			if _, err := client.Read(make([]byte, 1)); err == nil || err == io.EOF {
				t.Errorf("after a cut: %v", err)
			}
			client = dial(t, p)
			p.Close()
			p.Close()
			if _, err := client.Read(make([]byte, 1)); err == nil {
				t.Error("open after Close")
			}
			if _, err := p.Dial(t.Context()); err == nil {
				t.Error("dialled after Close")
			}
		})
	}
}

// What the test expects and does not get fails it, in words.
func TestPeerFailures(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := &failures{T: t}
		p := NewPeer(f)
		p.Patience = time.Minute
		f.fails(t, "no connection within 1m0s", func() { p.Accept() })
		client := dial(t, p)
		conn := p.Accept()
		f.fails(t, "waiting for CONNECT: ", func() { Expect[packet.Connect](conn) })
		f.fails(t, "i/o timeout", func() { conn.Next() })
		send(t, client, packet.V5, &packet.Pingreq{})
		f.fails(t, "the client sent PINGREQ", func() { Expect[packet.Connect](conn) })
		send(t, client, packet.V5, &packet.Pingreq{})
		f.fails(t, "the client sent PINGREQ", func() { conn.ExpectEnd() })
		f.fails(t, "has not closed the connection within 1m0s", func() { conn.ExpectEnd() })
		send(t, client, packet.V5, &packet.Pingreq{})
		f.fails(t, "want silence", func() { conn.ExpectSilence(time.Second) })
		send(t, client, packet.V5, &packet.Pingreq{}, &packet.Pingreq{})
		conn.Next()
		f.fails(t, "want silence", func() { conn.ExpectSilence(time.Second) }) // also of what has been read already
		conn.ExpectSilence(time.Second)
		f.fails(t, "send: ", func() { conn.Send(&packet.Publish{Topic: strings.Repeat("x", 70_000)}) })
		client.Close()
		f.fails(t, "ended the connection (EOF), want silence", func() { conn.ExpectSilence(time.Second) })
		f.fails(t, "waiting for a packet: EOF", func() { conn.Next() })
		f.fails(t, "send: ", func() { conn.SendBytes([]byte("x")) })
		p.Close()
		f.fails(t, "closed", func() { p.Accept() })
	})
}

// Half a packet is not the end of the stream.
func TestReadUnfinishedPacket(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := NewPeer(t)
		client := dial(t, p)
		conn := p.Accept()
		client.Write([]byte{0x30, 9})
		client.Close()
		if _, err := conn.Read(); err != io.ErrUnexpectedEOF {
			t.Error(err)
		}
		client = dial(t, p)
		conn = p.Accept()
		client.Write([]byte{0, 0})
		if _, err := conn.Read(); err == nil {
			t.Error("nonsense is a packet")
		}
	})
}

func TestStall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := NewPeer(t)
		p.Buffer = 10
		client := dial(t, p)
		conn := p.Accept()
		conn.Stall(true)
		over := make(chan struct{})
		go func() {
			client.Write([]byte("x"))
			close(over)
		}()
		synctest.Wait()
		select {
		case <-over:
			t.Error("written to a peer that does not read")
		default:
		}
		conn.Stall(false)
		<-over
		client.SetWriteDeadline(time.Now().Add(time.Second))
		if n, err := client.Write(make([]byte, 100)); n != 9 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d, %v", n, err)
		}
	})
	f := &failures{T: t}
	p := NewLoopbackPeer(f)
	dial(t, p)
	f.fails(t, "in memory", func() { p.Accept().Stall(true) })
	p.Close()
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	p := NewPeer(t)
	one, two := errors.New("one"), errors.New("two")
	p.Refuse(one, two)
	for _, want := range []error{one, two, nil} {
		if _, err := p.Dial(t.Context()); err != want {
			t.Errorf("%v, want %v", err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Dial(ctx); err != context.Canceled {
		t.Error(err)
	}
	if p.Addr() != nil {
		t.Error("a peer in memory has an address")
	}
}

// An obliging broker answers what has to be answered.
func TestServe(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, v := range []packet.Version{packet.V5, packet.V311} {
			p := NewPeer(t)
			p.Serve(nil)
			client := dial(t, p)
			for _, test := range []struct{ in, want packet.Packet }{
				{&packet.Connect{}, &packet.Connack{AssignedClientID: "assigned"}},
				{&packet.Publish{Topic: "a", QoS: 1, ID: 7}, &packet.Puback{Ack: packet.Ack{ID: 7}}},
				{&packet.Publish{Topic: "a", QoS: 2, ID: 8}, &packet.Pubrec{Ack: packet.Ack{ID: 8}}},
				{&packet.Pubrel{Ack: packet.Ack{ID: 8}}, &packet.Pubcomp{Ack: packet.Ack{ID: 8}}},
				{&packet.Pubrec{Ack: packet.Ack{ID: 9}}, &packet.Pubrel{Ack: packet.Ack{ID: 9}}},
				{&packet.Subscribe{ID: 1, Filters: []packet.Filter{{Filter: "a", QoS: 2}, {Filter: "b"}}},
					&packet.Suback{ID: 1, Codes: []packet.ReasonCode{2, 0}}},
				{&packet.Unsubscribe{ID: 2, Filters: []string{"a", "b"}}, &packet.Unsuback{ID: 2, Codes: make([]packet.ReasonCode, 2)}},
				{&packet.Pingreq{}, &packet.Pingresp{}},
			} {
				send(t, client, v, test.in)
				want, _ := test.want.Append(nil, v)
				if got, _ := read(t, client, v).Append(nil, v); string(got) != string(want) {
					t.Errorf("%v: %x, want %x", test.in.Type(), got, want)
				}
			}
			time.Sleep(time.Hour) // a client may be silent
			send(t, client, v, &packet.Publish{Topic: "a"}, &packet.Puback{Ack: packet.Ack{ID: 1}}, &packet.Disconnect{})
			if got, err := io.ReadAll(client); len(got) > 0 || err != nil {
				t.Errorf("%x, %v", got, err)
			}
		}
	})
}

func TestEcho(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := NewPeer(t)
		p.Serve(Echo)
		client := dial(t, p)
		send(t, client, packet.V5, &packet.Connect{ClientID: "c"},
			&packet.Publish{Topic: "a", Payload: []byte("x"), QoS: 1, ID: 1, ContentType: "text", TopicAlias: 3})
		for _, want := range []packet.Type{packet.CONNACK, packet.PUBACK, packet.PUBLISH} {
			in := read(t, client, packet.V5)
			if in.Type() != want {
				t.Errorf("%v, want %v", in.Type(), want)
			}
			if m, ok := in.(*packet.Publish); ok && (m.Topic != "a" || string(m.Payload) != "x" || m.QoS != 0 || m.ContentType != "text" || m.TopicAlias != 0) {
				t.Errorf("%+v", m)
			}
		}
	})
}

// Serve says how a connection ended.
func TestServeResult(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := NewPeer(t)
		for name, test := range map[string]struct {
			bytes []byte
			bad   bool
		}{
			"close": {nil, false}, "disconnect": {[]byte{0xe0, 0}, false}, "nonsense": {[]byte{0, 0}, true}, "half": {[]byte{0x30}, true},
		} {
			client := dial(t, p)
			client.Write(test.bytes)
			client.Close()
			if err := p.Accept().Serve(nil); (err != nil) != test.bad {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// Without a test, failures panic.
func TestPeerWithoutATest(t *testing.T) {
	t.Parallel()
	p := NewPeer(nil)
	defer p.Close()
	p.Patience = 1
	defer func() {
		if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), "no connection") {
			t.Errorf("recovered %v", v)
		}
	}()
	p.Accept()
}
