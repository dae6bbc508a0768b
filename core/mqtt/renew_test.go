package mqtt_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// every renews at fixed times.
func every(d time.Duration) func(*mqtt.Config) {
	return func(c *mqtt.Config) {
		c.Endpoint.Renew = func(ctx context.Context, _ error) error {
			select {
			case <-time.After(d):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// With an authenticator, credentials are renewed in place: a month on one connection.
func TestRenewInPlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		dropped := 0
		renewals := 0
		p.Serve(func(conn *mqtttest.Conn, in packet.Packet) []packet.Packet {
			switch in := in.(type) {
			case *packet.Connect:
				return []packet.Packet{welcome()}
			case *packet.Auth:
				renewals++
				return []packet.Packet{&packet.Auth{Code: packet.Success, Method: in.Method}}
			}
			return mqtttest.Answer(conn, in)
		})
		c := start(t, p, with(new(counting)), every(time.Hour), func(c *mqtt.Config) {
			c.Trace = &mqtt.Trace{Disconnected: func(error) { dropped++ }}
		})
		connected(t, c)
		time.Sleep(30 * 24 * time.Hour)
		synctest.Wait()
		if s := c.Stats(); s.Connects != 1 || dropped != 0 || renewals < 700 || s.Renewals != uint64(renewals) {
			t.Errorf("%d connections, %d lost, %d renewals, %d seen by the broker", s.Connects, dropped, s.Renewals, renewals)
		}
	})
}

// What became of the last renewal is told to the next, on this connection. A Renew that fails, panics or returns at once
// does not make the client busy.
func TestRenewTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		broken := errors.New("broken")
		var heard []error
		a := &counting{next: func(context.Context, []byte) ([]byte, error) { return nil, mqtt.ErrAuthLater }}
		c, conn := authenticated(t, p, a, func(c *mqtt.Config) {
			c.Endpoint.Renew = func(ctx context.Context, last error) error {
				heard = append(heard, last)
				switch len(heard) {
				case 1:
					return broken
				case 2:
					panic("no")
				case 3, 4:
					return nil
				}
				<-ctx.Done()
				return nil
			}
		})
		wantAuth(t, conn, packet.ReAuthenticate, "2 again=true")
		conn.Send(challenge(""))
		begin := time.Now()
		wantAuth(t, conn, packet.ReAuthenticate, "3 again=true")
		if d := time.Since(begin); d < time.Second {
			t.Errorf("the next one came after %v", d)
		}
		conn.Send(&packet.Auth{Code: packet.Success, Method: method})
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(heard) != 5 || heard[0] != nil || !errors.Is(heard[1], broken) || heard[2] == nil || !errors.Is(heard[3], mqtt.ErrAuthLater) || heard[4] != nil {
			t.Errorf("it heard %v", heard)
		}
		if s := c.Stats(); s.Panics != 1 || s.Renewals != 1 {
			t.Errorf("%d panics, %d renewals", s.Panics, s.Renewals)
		}
	})
}

// Without an authenticator the connection is replaced, in both versions, again and again: what is under way is
// acknowledged before, what comes meanwhile goes to the next one. Nothing is lost and nothing sent twice.
func TestReconnectLosesNothing(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		seen := make(map[string]int)
		byes, dups := 0, 0
		p.Serve(func(conn *mqtttest.Conn, in packet.Packet) []packet.Packet {
			out := mqtttest.Answer(conn, in)
			switch in := in.(type) {
			case *packet.Connect:
				out[0].(*packet.Connack).SessionPresent = byes > 0
			case *packet.Disconnect:
				byes++
			case *packet.Publish:
				seen[string(in.Payload)]++
				if in.Dup {
					dups++
				}
				time.Sleep(9 * time.Millisecond) // so that one is under way nearly always
			}
			return out
		})
		c := start(t, p, v(version), every(10*time.Second))
		connected(t, c)
		var wait []<-chan result
		for i := range 3000 {
			wait = append(wait, publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1, Payload: fmt.Append(nil, i)}))
			time.Sleep(10 * time.Millisecond)
		}
		for _, w := range wait {
			if r := recv(t, w); r.err != nil {
				t.Fatal(r.err)
			}
		}
		for i := range 3000 {
			if n := seen[fmt.Sprint(i)]; n != 1 {
				t.Errorf("message %d came %d times", i, n)
			}
		}
		synctest.Wait() // a renewal may have just been made
		if s := c.Stats(); s.Connects < 3 || s.Renewals != s.Connects-1 || s.Failures != 0 || dups != 0 {
			t.Errorf("%d connections, %d renewals, %d failures, %d duplicates", s.Connects, s.Renewals, s.Failures, dups)
		}
	})
}

// A broker that does not acknowledge delays a planned reconnect by 5 s, and gets the message again.
func TestReconnectDoesNotWaitForEver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		var ended error
		c, conn := connect(t, p, func(c *mqtt.Config) {
			c.Trace = &mqtt.Trace{Disconnected: func(err error) { ended = err }}
		})
		over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
		mqtttest.Expect[packet.Publish](conn)
		begin := time.Now()
		done := async(func() error { return c.Reconnect(t.Context()) })
		mqtttest.Expect[packet.Disconnect](conn)
		if d := time.Since(begin); d != 5*time.Second {
			t.Errorf("DISCONNECT came after %v", d)
		}
		conn.Close()
		conn, _ = p.Connect(&packet.Connack{SessionPresent: true})
		if d := time.Since(begin); d > 6*time.Second {
			t.Errorf("the next connection came after %v", d)
		}
		if again := mqtttest.Expect[packet.Publish](conn); !again.Dup {
			t.Errorf("got %+v", again)
		} else {
			conn.Send(mqtttest.Answer(conn, again)...)
		}
		if err := recv(t, done); err != nil {
			t.Error(err)
		}
		if r := recv(t, over); r.err != nil {
			t.Error(r.err)
		}
		wantErr(t, ended, mqtt.ErrReplaced)
	})
}

// A caller who gives up before DISCONNECT keeps the connection.
func TestReconnectGivenUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		first := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
		m := mqtttest.Expect[packet.Publish](conn)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		over := async(func() error { return c.Reconnect(ctx) })
		synctest.Wait()
		second := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
		conn.ExpectSilence(500 * time.Millisecond)
		wantErr(t, recv(t, over), context.DeadlineExceeded)
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Publish](conn))...)
		conn.Send(mqtttest.Answer(conn, m)...)
		for _, w := range []<-chan result{first, second} {
			if r := recv(t, w); r.err != nil {
				t.Error(r.err)
			}
		}
	})
}

// Shutdown and a planned reconnect at the same time end in Shutdown.
func TestReconnectAndShutdown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		p.Serve(nil)
		c := start(t, p, every(time.Second))
		connected(t, c)
		time.Sleep(time.Second)
		over := async(func() error { return c.Reconnect(t.Context()) })
		if err := c.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		wantErr(t, recv(t, over), mqtt.ErrClosed)
		gone(t, c)
	})
}
