package azureiot

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// A month of tokens on one connection: with and without a recommendation to refresh, and with ones that barely outlive
// the five minutes in which they are replaced. No token is sent twice.
func TestMonthOfTokens(t *testing.T) {
	for name, i := range map[string]*issuer{
		"an hour":                {life: time.Hour},
		"a day":                  {life: 24 * time.Hour},
		"a day, refreshed early": {life: 24 * time.Hour, refresh: 12 * time.Hour},
		"seven minutes":          {life: 7 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			g := &grid{issuer: i}
			onGrid(t, g, func(t *testing.T, c *mqtt.Client) {
				connected(t, c)
				days := 30
				if i.life < time.Hour {
					days = 3 // as many tokens
				}
				time.Sleep(time.Duration(days) * 24 * time.Hour)
				synctest.Wait()
				s, at := c.Stats(), g.seen()
				if s.Connects != 1 || at.expired != 0 || at.repeated != 0 {
					t.Errorf("%d connections, %d tokens expired, %d sent twice", s.Connects, at.expired, at.repeated)
				}
				every := i.life - 5*time.Minute
				if i.refresh > 0 {
					every = i.refresh
				}
				atLeast := int(time.Duration(days) * 24 * time.Hour / (every + 2*time.Minute))
				if at.renewals < atLeast || uint64(at.renewals) != s.Renewals {
					t.Errorf("%d renewals, %d told, want %d", at.renewals, s.Renewals, atLeast)
				}
				_, _, asked := i.current()
				t.Logf("%d renewals, the source was asked %d times, %d connection", at.renewals, asked, s.Connects)
			})
		})
	}
}

// Every ending of a re-authentication leads back to a live client with a good token.
func TestEndings(t *testing.T) {
	for name, tt := range map[string]struct {
		script   []reply
		connects int
	}{
		"accepted":          {nil, 1},
		"later":             {[]reply{later, later, later}, 1},
		"refused":           {[]reply{refuse}, 2},
		"bare close":        {[]reply{drop}, 2},
		"no answer":         {[]reply{ignore}, 2},
		"one after another": {[]reply{later, refuse, accept, drop, later, ignore}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			g := &grid{issuer: &issuer{life: time.Hour}, script: tt.script}
			onGrid(t, g, func(t *testing.T, c *mqtt.Client) {
				connected(t, c)
				time.Sleep(24 * time.Hour)
				synctest.Wait()
				connected(t, c)
				if at := g.seen(); at.connects != tt.connects || at.expired != 0 || at.left != 0 {
					t.Errorf("want %d connections, no token expired and no step left: %+v", tt.connects, at)
				}
			})
		})
	}
}

// A source that fails is asked again: at connect, and while a connection lasts, which it costs nothing.
func TestSourceFails(t *testing.T) {
	g := &grid{issuer: &issuer{life: time.Hour, err: errors.New("no route to the issuer")}}
	onGrid(t, g, func(t *testing.T, c *mqtt.Client) {
		time.Sleep(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Connected(ctx); err == nil || !strings.Contains(err.Error(), "no route to the issuer") {
			t.Errorf("got %v", err)
		}
		g.issuer.set(nil, false)
		connected(t, c)
		time.Sleep(55 * time.Minute)
		g.issuer.set(errors.New("down for a while"), false)
		time.Sleep(3 * time.Minute)
		g.issuer.set(nil, false)
		time.Sleep(12 * time.Hour)
		if at := g.seen(); at.connects != 1 || at.expired != 0 {
			t.Errorf("%+v", at)
		}
	})
}

// A source that does not return is given up, and not asked again until it does.
func TestSourceHangs(t *testing.T) {
	g := &grid{issuer: &issuer{life: time.Hour, hang: true}}
	onGrid(t, g, func(t *testing.T, c *mqtt.Client) {
		time.Sleep(10 * time.Minute)
		if _, _, asked := g.issuer.current(); asked != 1 || c.State() == mqtt.StateConnected {
			t.Errorf("asked %d times, %v", asked, c.State())
		}
		g.issuer.set(nil, false)
		connected(t, c)
		time.Sleep(40 * time.Minute)
		g.issuer.set(nil, true) // until the token is over, and longer
		time.Sleep(2 * time.Hour)
		g.issuer.set(nil, false)
		time.Sleep(2 * time.Hour)
		connected(t, c)
	})
}

// A broker that refuses a token is asked again with another, and not faster than once in a second.
func TestRefusedFirst(t *testing.T) {
	g := &grid{issuer: &issuer{life: time.Hour}, codes: []packet.ReasonCode{packet.NotAuthorized, packet.ConnectionRateExceeded,
		packet.QuotaExceeded, packet.ServerBusy, packet.NotAuthorized}, noEcho: true}
	onGrid(t, g, func(t *testing.T, c *mqtt.Client) {
		connected(t, c)
		times := g.attempts()
		for i := 1; i < len(times); i++ {
			if d := times[i].Sub(times[i-1]); d < time.Second {
				t.Errorf("attempt %d came after %v", i, d)
			}
		}
		if len(times) != 6 {
			t.Errorf("%d attempts", len(times))
		}
	})
}

// What cannot become better ends the client, with an error that says what is wrong.
func TestTerminal(t *testing.T) {
	for name, tt := range map[string]struct {
		g    *grid
		want string
	}{
		"token too large": {&grid{issuer: &issuer{life: time.Hour, size: 9000}}, "9000 bytes"},
		"method unknown":  {&grid{issuer: &issuer{life: time.Hour}, codes: []packet.ReasonCode{packet.BadAuthenticationMethod}}, "does not know the authentication method"},
	} {
		t.Run(name, func(t *testing.T) {
			onGrid(t, tt.g, func(t *testing.T, c *mqtt.Client) {
				_, err := c.Connected(t.Context())
				if err == nil || !strings.Contains(err.Error(), tt.want) || !errors.Is(err, mqtt.ErrClosed) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}
