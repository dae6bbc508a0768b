package mqtt_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// A message that Enqueue has taken is delivered by the next process, if this one does not come to it.
func TestEnqueueSurvivesTheProcess(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		d := newDisk(t)
		p := newPeer(t)
		c := start(t, p, v(version), d.lasting)
		for i := range 3 {
			if err := c.Enqueue(t.Context(), mqtt.Publish{Topic: fmt.Sprint(i), QoS: packet.QoS(1 + i%2)}); err != nil {
				t.Fatal(err)
			}
		}
		d = d.after() // the power fails
		c.Close()
		gone(t, c)

		p = newPeer(t)
		restored, delivered := make(chan int, 1), make(chan string, 10)
		c = start(t, p, v(version), d.lasting, func(c *mqtt.Config) {
			c.Trace = &mqtt.Trace{
				Restored: func(n int) { restored <- n },
				Delivered: func(topic string, err error) {
					delivered <- topic
					if err != nil {
						t.Errorf("%s: %v", topic, err)
					}
				},
			}
		})
		p.Serve(nil)
		if n := recv(t, restored); n != 3 || c.Stats().Restored != 3 {
			t.Errorf("restored %d", n)
		}
		for range 3 {
			recv(t, delivered)
		}
		if err := c.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		gone(t, c)
		if d.opened != 0 {
			t.Error("the store is still open")
		}
		again := d.after()
		c = start(t, newPeer(t), v(version), again.lasting)
		if n := c.Stats().Restored; n != 0 {
			t.Errorf("%d messages are sent once more", n)
		}
	})
}

// What was under way goes on in the next process where the session is still there.
func TestResumeInTheNextProcess(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		d := newDisk(t)
		p := newPeer(t)
		c, conn := connect(t, p, v(version), d.lasting)
		over := publishAll(t, c, 2, func(i int) packet.QoS { return packet.QoS(1 + i) })
		first := wantTopics(t, conn, false, 0, 2)
		conn.Send(mqtttest.Answer(conn, first[1])...) // PUBREC
		mqtttest.Expect[packet.Pubrel](conn)
		d = d.after()
		c.Close()
		for _, over := range over {
			wantErr(t, recv(t, over), mqtt.ErrClosed)
		}

		p = newPeer(t)
		told := make(chan string, 10)
		c = start(t, p, v(version), d.lasting, func(c *mqtt.Config) {
			c.Trace = &mqtt.Trace{Delivered: func(topic string, err error) { told <- fmt.Sprintf("%q %v", topic, err) }}
		})
		conn, in := p.Connect(&packet.Connack{SessionPresent: true})
		if in.CleanStart {
			t.Error("starts clean")
		}
		connected(t, c)
		rel := mqtttest.Expect[packet.Pubrel](conn)
		if rel.ID != first[1].ID {
			t.Errorf("%+v", rel)
		}
		m := wantTopics(t, conn, true, 0, 1)[0]
		if m.ID != first[0].ID {
			t.Errorf("%+v", m)
		}
		// Of what the broker had at QoS 2 already nothing is stored but the identifier.
		conn.Send(mqtttest.Answer(conn, rel)...)
		if got := recv(t, told); got != `"" <nil>` {
			t.Errorf("told %s of the message that was released", got)
		}
		conn.Send(mqtttest.Answer(conn, m)...)
		if got := recv(t, told); got != `"0" <nil>` {
			t.Errorf("told %s of the message that was sent again", got)
		}
	})
}

// A message at QoS 2 is handed over once, in whatever process.
//
// Conformance: MQTT-4.3.3-10
func TestQoS2OnceOverProcesses(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		d := newDisk(t)
		n := 0
		handler := func(c *mqtt.Config) { c.Handler = func(mqtt.Message) { n++ } }
		p := newPeer(t)
		c, conn := connect(t, p, v(version), d.lasting, handler)
		m := message("t", "once", 2, 5)
		conn.Send(m)
		mqtttest.Expect[packet.Pubrec](conn)
		d = d.after()
		c.Close()
		m.Dup = true
		for range 3 {
			p = newPeer(t)
			c = start(t, p, v(version), d.lasting, handler)
			conn, _ = p.Connect(&packet.Connack{SessionPresent: true})
			conn.Send(m)
			mqtttest.Expect[packet.Pubrec](conn)
			d = d.after()
			c.Close()
			gone(t, c)
		}
		if n != 1 {
			t.Errorf("handed over %d times", n)
		}
	})
}

// Nothing leaves before what it depends on is stored.
func TestStoredBeforeSent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDisk(t)
		p := newPeer(t)
		c, conn := connect(t, p, d.lasting)
		synctest.Wait()
		d.mu.Lock()
		d.hold = make(chan struct{})
		d.mu.Unlock()
		over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
		conn.Send(message("u", "", 2, 1))
		conn.ExpectSilence(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := c.Enqueue(ctx, mqtt.Publish{Topic: "t", QoS: 1})
		if wantErr(t, err, context.DeadlineExceeded); mqtt.NotSent(err) {
			t.Errorf("%v: it may yet be", err)
		}
		d.mu.Lock()
		hold := d.hold
		d.hold = nil
		d.mu.Unlock()
		close(hold)
		seen := map[packet.Type]int{}
		for range 3 {
			in := conn.Next()
			seen[in.Type()]++
			if in.Type() == packet.PUBLISH {
				conn.Send(mqtttest.Answer(conn, in)...)
			}
		}
		if seen[packet.PUBLISH] != 2 || seen[packet.PUBREC] != 1 {
			t.Errorf("%v", seen)
		}
		if r := <-over; r.err != nil {
			t.Error(r.err)
		}
	})
}

// What a clean start has ended is forgotten on the disk before the broker hears of it: after a crash it must not come back
// and meet the broker's new session.
func TestCleanStartIsStoredBeforeItIsSent(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		d := newDisk(t)
		p := newPeer(t)
		c, conn := connect(t, p, v(version), d.lasting, func(c *mqtt.Config) { c.Handler = func(mqtt.Message) {} })
		conn.Send(message("t", "", 2, 5))
		mqtttest.Expect[packet.Pubrec](conn)
		d = d.after()
		c.Close()
		if len(d.kept) == 0 {
			t.Fatal("nothing was stored")
		}

		hold := make(chan struct{})
		d.hold = hold
		p = newPeer(t)
		c = start(t, p, v(version), d.lasting, func(c *mqtt.Config) { c.CleanStart = true })
		conn = p.Accept()
		conn.ExpectSilence(time.Second)
		close(hold)
		mqtttest.Expect[packet.Connect](conn)
		if left := d.after(); len(left.kept) != 0 {
			t.Errorf("still stored: %x", left.kept)
		}
		c.Close()
	})
}

// A store that cannot save ends the connection. Nothing is sent, and nothing is lost, until it can.
func TestStoreFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDisk(t)
		p := newPeer(t)
		failed, attempts := make(chan error, 10), make(chan *mqtt.ConnectError, 100)
		c, conn := connect(t, p, d.lasting, func(c *mqtt.Config) {
			c.Trace = &mqtt.Trace{StoreFailed: func(err error) { failed <- err },
				ConnectFailed: func(err *mqtt.ConnectError, _ time.Duration) { attempts <- err }}
		})
		synctest.Wait()
		errDisk := errors.New("disk full")
		d.mu.Lock()
		d.errs = slices.Repeat([]error{errDisk}, 20)
		d.mu.Unlock()
		over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
		wantErr(t, recv(t, failed), errDisk)
		conn.ExpectEnd()
		if err := recv(t, attempts); err.Stage != "store" || err.Terminal || !errors.Is(err, errDisk) {
			t.Errorf("%v", err)
		}
		conn, _ = p.Connect(&packet.Connack{SessionPresent: true})
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Publish](conn))...)
		if r := <-over; r.err != nil {
			t.Error(r.err)
		}
		if n := c.Stats().StoreFailures; n != 1 { // told once, however often it was tried
			t.Errorf("%d failures", n)
		}
	})
}

// What cannot be used is refused by New; a record that cannot be read costs that record.
func TestStoreIsChecked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		d := newDisk(t)
		c, conn := connect(t, p, d.lasting)
		if err := c.PublishAsync(mqtt.Publish{Topic: "t", QoS: 1}, nil); err != nil {
			t.Fatal(err)
		}
		mqtttest.Expect[packet.Publish](conn)
		other := d.after()
		_, err := mqtt.New(configure(p, other.lasting, func(c *mqtt.Config) { c.ClientID = "another" }))
		wantErr(t, err, mqtt.ErrWrongSession)

		bad := d.after()
		for key := range bad.kept {
			bad.kept[key] = []byte{0xff}
		}
		c = start(t, p, bad.lasting)
		if s := c.Stats(); s.Damaged == 0 || s.Restored != 0 {
			t.Errorf("%+v", s)
		}
		p.Connect(&packet.Connack{})
		connected(t, c)

		_, err = mqtt.New(configure(p, func(c *mqtt.Config) { c.Session = brokenStore{} }))
		wantErr(t, err, errDial)
	})
}

func (brokenStore) Load(func(uint64, []byte) error) error { return errDial }

// A disk that does not answer holds Close up for some seconds only.
func TestCloseWithAStuckStore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDisk(t)
		p := newPeer(t)
		c, _ := connect(t, p, d.lasting)
		synctest.Wait()
		hold := make(chan struct{})
		d.mu.Lock()
		d.hold = hold
		d.mu.Unlock()
		over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
		queued := async(func() error { return c.Enqueue(t.Context(), mqtt.Publish{Topic: "t", QoS: 1}) })
		synctest.Wait()
		begun := time.Now()
		c.Close()
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		wantErr(t, (<-over).err, mqtt.ErrClosed)
		close(hold)
		gone(t, c)
		if err := <-queued; err != nil && !errors.Is(err, mqtt.ErrClosed) {
			t.Error(err)
		}
		if d.opened != 0 {
			t.Error("the store is still open")
		}
	})
}

// Only messages that are acknowledged can be stored.
func TestEnqueueAtQoS0(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := start(t, newPeer(t))
		if err := c.Enqueue(t.Context(), mqtt.Publish{Topic: "t"}); !mqtt.NotSent(err) {
			t.Error(err)
		}
		if err := c.Enqueue(t.Context(), mqtt.Publish{Topic: "t/#", QoS: 1}); !mqtt.NotSent(err) {
			t.Error(err)
		}
		if err := c.Enqueue(t.Context(), mqtt.Publish{Topic: "t", QoS: 1}); err != nil { // without a store: in the queue
			t.Error(err)
		}
		if n := c.Stats().Queued; n != 1 {
			t.Errorf("%d queued", n)
		}
	})
}
