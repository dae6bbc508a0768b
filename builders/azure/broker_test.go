package azureiot

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

const eventGridName = "factory.westeurope-1.ts.eventgrid.azure.net"

// issuer is an azcore.TokenCredential that behaves as azidentity does: it hands out the cached token until five minutes
// before it expires, and the recommendation to refresh comes with the first answer only.
type issuer struct {
	mu      sync.Mutex
	life    time.Duration
	refresh time.Duration // after issue; 0: no recommendation
	err     error
	hang    bool
	size    int

	n      int
	asked  int
	cached azcore.AccessToken
	born   time.Time
}

// set changes the issuer while it is in use.
func (i *issuer) set(err error, hang bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.err, i.hang = err, hang
}

// current returns the last token, and how often it was asked for any.
func (i *issuer) current() (token string, expires time.Time, asked int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.cached.Token, i.cached.ExpiresOn, i.asked
}

func (i *issuer) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked++
	if len(o.Scopes) != 1 || o.Scopes[0] != EventGridScope || o.EnableCAE {
		return azcore.AccessToken{}, errors.New("wrong request")
	}
	if _, ok := ctx.Deadline(); !ok {
		return azcore.AccessToken{}, errors.New("no deadline")
	}
	if i.hang {
		i.mu.Unlock()
		time.Sleep(time.Hour)
		i.mu.Lock()
	}
	if i.err != nil {
		return azcore.AccessToken{}, i.err
	}
	now := time.Now()
	if time.Until(i.cached.ExpiresOn) > 5*time.Minute && (i.refresh == 0 || now.Before(i.born.Add(i.refresh))) {
		token := i.cached
		token.RefreshOn = time.Time{}
		return token, nil
	}
	i.n++
	i.born = now
	text := make([]byte, max(i.size, 16))
	for k := range text {
		text[k] = byte('a' + (i.n+k)%26)
	}
	i.cached = azcore.AccessToken{Token: string(text), ExpiresOn: now.Add(i.life)}
	if i.refresh > 0 {
		i.cached.RefreshOn = now.Add(i.refresh)
	}
	return i.cached, nil
}

// reply is what the broker does with a re-authentication.
type reply int

const (
	accept reply = iota
	later
	refuse
	drop
	ignore
)

// grid is a broker that takes the tokens of an issuer, and ends connections whose token has expired.
type grid struct {
	mu     sync.Mutex
	t      *testing.T
	issuer *issuer
	script []reply // of the next re-authentications; accept once it is over
	codes  []packet.ReasonCode
	noEcho bool

	connects, renewals, repeated, expired int
	last                                  string
	times                                 []time.Time
}

func (g *grid) serve(p *mqtttest.Peer) {
	expiry := map[*mqtttest.Conn]*time.Timer{}
	until := func(c *mqtttest.Conn) {
		if old := expiry[c]; old != nil {
			old.Stop()
		}
		_, expires, _ := g.issuer.current()
		expiry[c] = time.AfterFunc(time.Until(expires), func() {
			g.mu.Lock()
			g.expired++
			g.mu.Unlock()
			c.Close() // without a word
		})
	}
	p.Serve(func(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
		g.mu.Lock() // an old connection may end while the next begins
		defer g.mu.Unlock()
		switch in := in.(type) {
		case *packet.Connect:
			g.times = append(g.times, time.Now())
			if token, _, _ := g.issuer.current(); in.AuthMethod != methodEntra || string(in.AuthData) != token {
				return []packet.Packet{&packet.Connack{Code: packet.BadAuthenticationMethod}}
			}
			if len(g.codes) > 0 {
				code := g.codes[0]
				g.codes = g.codes[1:]
				return []packet.Packet{&packet.Connack{Code: code}}
			}
			g.connects++
			g.last = string(in.AuthData)
			until(c)
			ack := &packet.Connack{AuthMethod: in.AuthMethod}
			if g.noEcho {
				ack.AuthMethod = ""
			}
			return []packet.Packet{ack}
		case *packet.Auth:
			if string(in.Data) == g.last {
				g.repeated++
			}
			r := accept
			if len(g.script) > 0 {
				r, g.script = g.script[0], g.script[1:]
			}
			switch r {
			case later:
				return []packet.Packet{&packet.Auth{Code: packet.ContinueAuthentication, Method: in.Method}}
			case refuse:
				expiry[c].Stop()
				return []packet.Packet{&packet.Disconnect{Code: packet.NotAuthorized}}
			case drop:
				expiry[c].Stop()
				c.Cut()
				return nil
			case ignore:
				return nil
			}
			g.renewals++
			g.last = string(in.Data)
			until(c)
			return []packet.Packet{&packet.Auth{Code: packet.Success, Method: in.Method}}
		case *packet.Disconnect:
			if old := expiry[c]; old != nil {
				old.Stop()
			}
		}
		return mqtttest.Answer(c, in)
	})
}

// seen is what the broker has counted.
type seen struct{ connects, renewals, repeated, expired, left int }

func (g *grid) attempts() []time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.times)
}

func (g *grid) seen() seen {
	g.mu.Lock()
	defer g.mu.Unlock()
	return seen{g.connects, g.renewals, g.repeated, g.expired, len(g.script)}
}

// onGrid runs a client on a grid, in a bubble.
func onGrid(t *testing.T, g *grid, f func(t *testing.T, c *mqtt.Client)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g.t = t
		p := mqtttest.NewPeer(t)
		p.Patience = 10_000 * time.Hour
		e, err := EventGrid(eventGridName, g.issuer)
		if err != nil {
			t.Fatal(err)
		}
		e.Dial = p.Dial
		g.serve(p)
		c, err := mqtt.New(EventGridDefaults(mqtt.Config{Endpoint: e, ClientID: "line-4"}))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		f(t, c)
		c.Close()
		<-c.Done()
		time.Sleep(2 * time.Hour) // what hangs, and timers
	})
}

func connected(t *testing.T, c *mqtt.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
	defer cancel()
	if _, err := c.Connected(ctx); err != nil {
		t.Fatal(err)
	}
}
