package emulator_test

import (
	"net"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

func TestKillAndRestart(t *testing.T) {
	t.Parallel()
	for _, what := range []emulator.Survival{emulator.KeepSessions, emulator.LoseSessions} {
		keep := what == emulator.KeepSessions
		s := start(t, emulator.Options{Profile: emulator.Generic, Addr: "127.0.0.1:0", TLSAddr: "127.0.0.1:0"})
		addr, tlsAddr := s.Addr(), s.TLSAddr()
		sub, _ := connect(t, s, packet.Connect{ClientID: "sub", CleanStart: true, SessionExpiry: 1000})
		sub.subscribe(2, "#")
		pub, _ := connect(t, s, packet.Connect{ClientID: "pub", CleanStart: true, SessionExpiry: 1000,
			Will: &packet.Will{Topic: "will", Payload: []byte("killed"), QoS: 1}})
		pub.publish(packet.Publish{Topic: "kept", Payload: []byte("retained"), Retain: true, QoS: 1})
		sub.message("retained")
		pub.send(&packet.Publish{Topic: "t", QoS: 2, ID: 7, Payload: []byte("once")})
		expect[*packet.Pubrec](pub)
		expect[*packet.Publish](sub) // and not acknowledged
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		sub.gone()
		pub.gone()
		if conn, err := net.Dial("tcp", addr); err == nil {
			_ = conn.Close()
			t.Fatal("a killed server accepts connections")
		}
		if err := s.Restart(what); err != nil {
			t.Fatal(err)
		}
		if s.Addr() != addr || s.TLSAddr() != tlsAddr {
			t.Errorf("addresses %s and %s, were %s and %s", s.Addr(), s.TLSAddr(), addr, tlsAddr)
		}
		if err := s.Restart(what); err == nil {
			t.Error("a running server restarts")
		}
		sub, ack := connect(t, s, packet.Connect{ClientID: "sub", SessionExpiry: 1000})
		if ack.SessionPresent != keep {
			t.Errorf("session present: %v", ack.SessionPresent)
		}
		if keep {
			if p := expect[*packet.Publish](sub); !p.Dup || string(p.Payload) != "once" {
				t.Errorf("the message comes again as %+v", p)
			}
			sub.message("killed")
		}
		sub.subscribe(1, "kept")
		if keep {
			sub.message("retained")
		}
		pub, _ = connect(t, s, packet.Connect{ClientID: "pub", SessionExpiry: 1000})
		pub.send(&packet.Pubrel{Ack: packet.Ack{ID: 7}})
		want := packet.Success
		if !keep {
			want = packet.PacketIdentifierNotFound
		}
		if p := expect[*packet.Pubcomp](pub); p.Code != want {
			t.Errorf("the exchange of the message ends with %s", p.Code)
		}
		if err := s.DropAll(); err != nil {
			t.Fatal(err)
		}
		sub.gone()
		pub.gone()
	}
}

// TestRestartNeedsItsPort takes the port away while the server is killed, and gives it back.
func TestRestartNeedsItsPort(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{Profile: emulator.Generic, TLSAddr: "127.0.0.1:0", Addr: "127.0.0.1:0"})
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	thief, err := net.Listen("tcp", s.TLSAddr())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(emulator.KeepSessions); err == nil {
		t.Fatal("restarted on a port that is taken")
	}
	if err := thief.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(emulator.KeepSessions); err != nil {
		t.Fatal(err)
	}
	connect(t, s, packet.Connect{ClientID: "a", CleanStart: true})
}
