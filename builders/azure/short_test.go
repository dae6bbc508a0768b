package azureiot

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Sources that sign a new token for every question: how often the broker is bothered with them goes by how long they live.
func TestSignedOnRequest(t *testing.T) {
	t.Parallel()
	const long = 24 * time.Hour
	for name, tt := range map[string]struct {
		life, refresh time.Duration // from the question on; refresh 0: no recommendation
		min, max      int           // re-authentications in a day
	}{
		"two minutes":                    {2 * time.Minute, 0, 1000, 1500},
		"five minutes":                   {5 * time.Minute, 0, 450, 600},
		"an hour":                        {time.Hour, 0, 25, 27},
		"expired":                        {-time.Hour, 0, 1000, 3000},
		"recommended after its end":      {time.Hour, 2 * time.Hour, 25, 27},
		"recommended at once":            {time.Hour, -time.Second, 1000, 3000},
		"without an end, and another":    {0, 0, 1000, 3000},
		"without an end, to be replaced": {0, time.Hour, 23, 24},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				signed := 0
				source := func(context.Context) (azcore.AccessToken, error) {
					signed++
					token := azcore.AccessToken{Token: fmt.Sprint("token ", signed)}
					if tt.life != 0 {
						token.ExpiresOn = time.Now().Add(tt.life)
					}
					if tt.refresh != 0 {
						token.RefreshOn = time.Now().Add(tt.refresh)
					}
					return token, nil
				}
				auths := 0
				c := onPeer(t, source, func(in *packet.Auth) []packet.Packet {
					auths++
					return []packet.Packet{&packet.Auth{Method: in.Method}}
				})
				time.Sleep(long)
				synctest.Wait()
				if s := c.Stats(); auths < tt.min || auths > tt.max || s.Connects != 1 || s.Failures != 0 {
					t.Errorf("%d re-authentications, want %d to %d; %d connections", auths, tt.min, tt.max, s.Connects)
				}
			})
		})
	}
}

// A source that from some time on has nothing but tokens of the past: the broker is not shown them while the one that it has
// is good.
func TestSourceFallsBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, born := 0, time.Now()
		source := func(context.Context) (azcore.AccessToken, error) {
			n++
			token := azcore.AccessToken{Token: fmt.Sprint("token ", n), ExpiresOn: born.Add(time.Hour)}
			if n > 1 {
				token.ExpiresOn = born.Add(-time.Hour)
			}
			return token, nil
		}
		auths := 0
		c := onPeer(t, source, func(in *packet.Auth) []packet.Packet {
			auths++
			return []packet.Packet{&packet.Disconnect{Code: packet.NotAuthorized}}
		})
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		if s := c.Stats(); auths != 0 || s.Connects != 1 || n < 3 {
			t.Errorf("%d re-authentications, %d connections, the source was asked %d times", auths, s.Connects, n)
		}
	})
}

// onPeer connects a client with a source to a broker that takes every token in CONNECT.
func onPeer(t *testing.T, source TokenSource, answer func(*packet.Auth) []packet.Packet) *mqtt.Client {
	t.Helper()
	p := mqtttest.NewPeer(t)
	p.Patience = 10_000 * time.Hour
	p.Serve(func(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
		switch in := in.(type) {
		case *packet.Connect:
			return []packet.Packet{&packet.Connack{AuthMethod: in.AuthMethod}}
		case *packet.Auth:
			return answer(in)
		}
		return mqtttest.Answer(c, in)
	})
	e, err := EventGridToken(eventGridName, source)
	if err != nil {
		t.Fatal(err)
	}
	e.Dial = p.Dial
	c, err := mqtt.New(EventGridDefaults(mqtt.Config{Endpoint: e, ClientID: "line-4"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		<-c.Done()
	})
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	connected(t, c)
	return c
}

// Attempts of one session are a second apart; those of other sessions do not wait for it.
func TestGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, err := EventGridToken(eventGridName, fixed("x"))
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		for i := range 100 {
			for _, id := range []string{fmt.Sprint("line-", i), ""} {
				if err := e.Prepare(t.Context(), &packet.Connect{ClientID: id}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if d := time.Since(begin); d != 0 {
			t.Errorf("100 sessions waited %v", d)
		}
		for i := range 3 {
			if err := e.Prepare(t.Context(), &packet.Connect{ClientID: "line-7"}); err != nil {
				t.Fatal(err)
			}
			if d, want := time.Since(begin), time.Duration(i+1)*connectInterval; d != want {
				t.Errorf("attempt %d came after %v, want %v", i, d, want)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := e.Prepare(ctx, &packet.Connect{ClientID: "line-7"}); err == nil {
			t.Error("an attempt that was given up went on")
		}
	})
}
