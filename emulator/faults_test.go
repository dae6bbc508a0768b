package emulator_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
	"github.com/gneiss-mqtt/gneiss-go/emulator/memnet"
)

// inBubble runs f with the AWS profile on an in-memory network.
func inBubble(t *testing.T, o emulator.Options, f func(t *testing.T, s *emulator.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.Mem = memnet.New(memnet.Link{}, 1)
		s, err := emulator.Start(o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		f(t, s)
	})
}

func inject(t *testing.T, s *emulator.Server, f iotcore.ConnectionFault) (remove func()) {
	t.Helper()
	remove, err := s.InjectConnectionFault(f)
	if err != nil {
		t.Fatal(err)
	}
	return remove
}

func TestFaultsOfAcknowledgements(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{}, func(t *testing.T, s *emulator.Server) {
		inject(t, s, iotcore.ConnectionFault{Client: "c", Topic: "omit/+", OmitAck: true})
		inject(t, s, iotcore.ConnectionFault{Topic: "late", DelayAck: time.Minute, Times: 1})
		inject(t, s, iotcore.ConnectionFault{Topic: "third", Skip: 2, Times: 1, Code: packet.QuotaExceeded})
		inject(t, s, iotcore.ConnectionFault{Topic: "gone", Drop: true})
		inject(t, s, iotcore.ConnectionFault{On: iotcore.OnSubscribe, Topic: "no", Code: packet.QuotaExceeded})
		inject(t, s, iotcore.ConnectionFault{On: iotcore.OnSubscribe, Topic: "slow", DelayAck: time.Second})
		inject(t, s, iotcore.ConnectionFault{On: iotcore.OnDeliver, Topic: "lost", Drop: true, Times: 1})
		w := dial(t, s, packet.V5)
		w.connect(packet.Connect{ClientID: "w", CleanStart: true})
		w.subscribe(0, "#")
		c := dial(t, s, packet.V5)
		c.connect(packet.Connect{ClientID: "c", CleanStart: true})
		began := time.Now()
		for i, topic := range []string{"late", "omit/1", "third", "third", "third", "late"} {
			c.send(&packet.Publish{Topic: topic, QoS: 1, ID: uint16(i + 1)})
		}
		for _, want := range []packet.Ack{{ID: 3}, {ID: 4}, {ID: 5, Code: packet.QuotaExceeded}, {ID: 6}, {ID: 1}} {
			if got := expectSoon[*packet.Puback](c).Ack; got.ID != want.ID || got.Code != want.Code {
				t.Errorf("%+v, want %+v", got, want)
			}
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("the last PUBACK came after %v", took)
		}
		for _, topic := range []string{"late", "omit/1", "third", "third", "late"} {
			if p := expect[*packet.Publish](w); p.Topic != topic {
				t.Errorf("got %s, want %s", p.Topic, topic)
			}
		}
		c.send(&packet.Publish{Topic: "lost"}, &packet.Publish{Topic: "lost", Payload: []byte("found")})
		w.message("found")
		c.send(&packet.Subscribe{ID: 9, Filters: []packet.Filter{{Filter: "no"}, {Filter: "slow"}}})
		began = time.Now()
		if codes := expect[*packet.Suback](c).Codes; codes[0] != packet.QuotaExceeded || codes[1] != 0 || time.Since(began) != time.Second {
			t.Errorf("%v after %v", codes, time.Since(began))
		}
		c.send(&packet.Publish{Topic: "gone", QoS: 1, ID: 10, Payload: []byte("carried out")})
		c.gone()
		w.message("carried out")
	})
}

// expectSoon is expect with more patience than a delayed acknowledgement needs.
func expectSoon[P packet.Packet](c *client) P {
	c.t.Helper()
	for {
		p, err := c.next()
		if err == nil {
			want, ok := p.(P)
			if !ok {
				c.t.Fatalf("got a %s", p.Type())
			}
			return want
		}
		if e, ok := err.(interface{ Timeout() bool }); !ok || !e.Timeout() {
			c.t.Fatal(err)
		}
	}
}

func TestFaultsOfConnecting(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{}, func(t *testing.T, s *emulator.Server) {
		keep := packet.Connect{ClientID: "c", SessionExpiry: 1000}
		try := func() (*packet.Connack, error) {
			c := dial(t, s, packet.V5)
			defer c.conn.Close()
			c.send(&keep)
			p, err := c.next()
			ack, _ := p.(*packet.Connack)
			synctest.Wait()
			return ack, err
		}
		if ack, err := try(); err != nil || ack.SessionPresent {
			t.Fatal(ack, err)
		}
		inject(t, s, iotcore.ConnectionFault{On: iotcore.OnConnect, Drop: true, Times: 1})
		if _, err := try(); err == nil {
			t.Error("not dropped")
		}
		inject(t, s, iotcore.ConnectionFault{On: iotcore.OnConnect, Code: packet.ServerUnavailable, Times: 1})
		if ack, err := try(); err != nil || ack.Code != packet.ServerUnavailable {
			t.Error(ack, err)
		}
		inject(t, s, iotcore.ConnectionFault{On: iotcore.OnConnect, OmitAck: true, Times: 1})
		began := time.Now()
		if _, err := try(); err == nil || time.Since(began) != 10*time.Second {
			t.Error(err, time.Since(began))
		}
		if ack, err := try(); err != nil || !ack.SessionPresent {
			t.Error(ack, err)
		}
		inject(t, s, iotcore.ConnectionFault{On: iotcore.OnConnect, LoseSession: true, Times: 1})
		if ack, err := try(); err != nil || ack.SessionPresent {
			t.Error(ack, err)
		}
	})
}

func TestFaultsOfUpgrades(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{})
	keys := credentials(t, s, emulator.CredentialOptions{})
	open := func() (*http.Response, error) {
		ws, response, err := socket(t, s, presign(keys, s.Endpoint(), "us-east-1", s.Now()), "mqtt")
		if err == nil {
			_ = ws.Close()
		}
		return response, err
	}
	remove := inject(t, s, iotcore.ConnectionFault{On: iotcore.OnUpgrade, Status: 403})
	for range 2 {
		if response, err := open(); err == nil || response.StatusCode != 403 {
			t.Error(err)
		}
	}
	remove()
	if _, err := open(); err != nil {
		t.Error(err)
	}
	inject(t, s, iotcore.ConnectionFault{On: iotcore.OnUpgrade, Drop: true, Times: 1})
	if response, err := open(); err == nil || response != nil {
		t.Error(response, err)
	}
	for _, f := range []iotcore.ConnectionFault{{On: 99}, {Status: 200}, {Times: -1}, {DelayAck: -1}} {
		if _, err := s.InjectConnectionFault(f); err == nil {
			t.Errorf("%+v is accepted", f)
		}
	}
}

// TestRedeliver: the service sends what is not acknowledged again, without saying so.
func TestRedeliver(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{}, func(t *testing.T, s *emulator.Server) {
		c := dial(t, s, packet.V5)
		c.connect(packet.Connect{ClientID: "c", CleanStart: true, SessionExpiry: 100})
		c.subscribe(1, "t")
		if err := s.Publish(packet.Publish{Topic: "t", QoS: 1, Payload: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		first := expect[*packet.Publish](c)
		if err := s.Redeliver("c"); err != nil {
			t.Fatal(err)
		}
		again := expect[*packet.Publish](c)
		if again.Dup || again.ID != first.ID || string(again.Payload) != "x" {
			t.Errorf("%+v", again)
		}
		_ = c.conn.Close()
		c = dial(t, s, packet.V5)
		c.connect(packet.Connect{ClientID: "c"})
		if p := c.message("x"); p.Dup {
			t.Error("the service never sets DUP")
		}
		if err := s.Redeliver("nobody"); err == nil {
			t.Error("nobody is there")
		}
	})
}
