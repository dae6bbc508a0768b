package gate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// AuthorizerTime is how long an authorizer may think.
const AuthorizerTime = 5 * time.Second

// Ask is a question to a custom authorizer, which the driver puts without the broker's lock, and whose answer it brings
// to [Gate.Answer].
type Ask struct {
	Conn       broker.ConnID
	Event      iotcore.AuthorizerEvent
	authorizer *iotcore.Authorizer
	client     *broker.Client
	connect    *packet.Connect // nil for a refresh
	remote     string
	enforced   bool // policies are
}

// Put asks the authorizer, for as long as ctx lasts at most.
func (a *Ask) Put(ctx context.Context) (d iotcore.AuthorizerDecision, err error) {
	type answer struct {
		d   iotcore.AuthorizerDecision
		err error
	}
	c := make(chan answer, 1) // the authorizer may answer when nobody listens any more
	go func() {
		var r answer
		defer func() {
			if p := recover(); p != nil {
				r.err = fmt.Errorf("the custom authorizer panicked with a %T", p) // the value may hold a secret
			}
			c <- r
		}()
		r.d, r.err = a.authorizer.Authorize(ctx, a.Event)
	}()
	select {
	case r := <-c:
		return r.d, r.err
	case <-ctx.Done():
		return d, ctx.Err()
	}
}

// parameters are what a client sends of a custom authorizer, by name. Names are in small letters.
type parameters map[string]string

// The names of parameters.
const (
	authorizerName      = "x-amz-customauthorizer-name"
	authorizerSignature = "x-amz-customauthorizer-signature"
)

// addQuery reads name=value&... Values are decoded once and as a path is: a plus sign in base64 is no space. What is there
// already stays.
func (m parameters) addQuery(query string) {
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if plain, err := url.PathUnescape(value); err == nil {
			value = plain
		}
		if name = strings.ToLower(name); name != "" && m[name] == "" {
			m[name] = value
		}
	}
}

// splitUsername splits a user name at its last question mark, behind which parameters and metrics are.
func splitUsername(username string) (user, query string) {
	if i := strings.LastIndexByte(username, '?'); i >= 0 {
		return username[:i], username[i+1:]
	}
	return username, ""
}

// question makes a question of what a client has sent: in CONNECT, in the headers of an upgrade, in its query, in this
// order. ready is a decision that needs no asking.
func (g *Gate) question(door *Door, p *packet.Connect, clientID, remote string) (a *Ask, ready *verdict, err error) {
	e := iotcore.AuthorizerEvent{ClientID: clientID, ServerName: door.ServerName, Headers: door.Headers, Query: door.Query, Protocols: []string{"tls"}}
	m := parameters{}
	if door.Headers != nil {
		e.Protocols = append(e.Protocols, "http")
	}
	if p != nil {
		e.Protocols = append(e.Protocols, "mqtt")
		e.Version, e.Password = p.Version, p.Password
		e.Username, e.UsernameQuery = splitUsername(p.Username)
		m.addQuery(e.UsernameQuery)
	}
	for name, value := range door.Headers {
		if m[name] == "" {
			m[name] = value
		}
	}
	m.addQuery(door.Query)
	authorizer, err := g.choose(m[authorizerName])
	if err != nil {
		return nil, nil, err
	}
	if authorizer.TokenKey != "" {
		e.Token = m[strings.ToLower(authorizer.TokenKey)]
	}
	if e.SignatureVerified, err = verifyToken(authorizer, e.Token, m[authorizerSignature]); err != nil {
		return nil, nil, err
	}
	a = &Ask{Event: e, authorizer: authorizer, connect: p, remote: remote, enforced: g.opts.EnforcePolicies}
	ready, err = a.fromTable()
	return a, ready, err
}

// fromTable decides where no callback is needed.
func (a *Ask) fromTable() (*verdict, error) {
	if d, found := lookUp(a.authorizer, &a.Event); found {
		return judgeDecision(d, a.remote, a.enforced)
	}
	if a.authorizer.Authorize == nil {
		return nil, errDenied
	}
	return nil, nil
}

// ask decides on a CONNECT by a custom authorizer.
func (g *Gate) ask(now broker.Instant, c *broker.Client, p *packet.Connect, door *Door) broker.ConnectDecision {
	a, ready, err := g.question(door, p, c.ID, c.Info.Remote)
	if err != nil {
		return refuse(packet.NotAuthorized, err.Error())
	}
	a.Conn, a.client = c.Conn, c
	if ready != nil {
		return g.welcome(now, a, ready)
	}
	g.asked[c.Conn] = true
	g.actions.Asks = append(g.actions.Asks, a)
	return broker.ConnectDecision{Pending: true}
}

// welcome lets a client in that its authorizer has accepted.
func (g *Gate) welcome(now broker.Instant, a *Ask, v *verdict) broker.ConnectDecision {
	d := g.admit(now, a.client, a.connect, v.who)
	if peer := g.peers[a.Conn]; peer != nil {
		peer.ask = a
		g.schedule(now, peer, v)
	}
	return d
}

// schedule sets when a decision becomes old and when the connection ends. A refresh does not prolong the connection.
func (g *Gate) schedule(now broker.Instant, p *peer, v *verdict) {
	p.refreshAt = 0
	if v.refreshAfter > 0 {
		p.refreshAt = now.Add(v.refreshAfter)
		g.watch(p.refreshAt)
	}
	if end := now.Add(v.disconnectAfter); p.endAt == 0 || end < p.endAt {
		p.endAt, p.endReason = end, "CUSTOMAUTH_TTL_EXPIRATION"
		g.watch(end)
	}
}

// Answer brings the answer to a question. For a CONNECT it returns the decision, which is to be given to the broker.
func (g *Gate) Answer(now broker.Instant, a *Ask, d iotcore.AuthorizerDecision, err error) *broker.ConnectDecision {
	var v *verdict
	switch {
	case err == nil:
		v, err = judgeDecision(d, a.remote, a.enforced)
	case errors.Is(err, context.DeadlineExceeded):
		err = errors.New("the custom authorizer did not answer in time")
	default:
		err = errDenied // what the user's function says may hold a secret
	}
	if !a.Event.Refresh {
		if !g.asked[a.Conn] {
			return nil // gone meanwhile
		}
		delete(g.asked, a.Conn)
		answer := broker.ConnectDecision{}
		if err != nil {
			answer = refuse(packet.NotAuthorized, err.Error())
		} else {
			answer = g.welcome(now, a, v)
		}
		return &answer
	}
	p := g.peers[a.Conn]
	switch {
	case p == nil: // gone meanwhile
	case err != nil:
		g.kick(a.Conn, p, packet.NotAuthorized, "AUTH_ERROR", "the custom authorizer has refused to refresh")
	default:
		p.principal.Policies = v.who.Policies
		g.schedule(now, p, v)
	}
	return nil
}

// refresh asks again about a client.
func (g *Gate) refresh(now broker.Instant, id broker.ConnID, p *peer) {
	p.refreshAt = 0
	a := *p.ask
	a.Event.Refresh, a.connect = true, nil
	switch v, err := a.fromTable(); {
	case err != nil:
		g.kick(id, p, packet.NotAuthorized, "AUTH_ERROR", err.Error())
	case v != nil:
		p.principal.Policies = v.who.Policies
		g.schedule(now, p, v)
	default:
		g.actions.Asks = append(g.actions.Asks, &a)
	}
}

// AskHTTP makes a question of an HTTP request. Where nothing has to be asked there is a principal at once.
func (g *Gate) AskHTTP(door *Door, remote string) (*Ask, *account.Principal, error) {
	a, ready, err := g.question(door, nil, "", remote)
	if err != nil || ready == nil {
		return a, nil, err
	}
	return a, ready.who, nil
}

// AnswerHTTP judges the answer to such a question.
func (a *Ask) AnswerHTTP(d iotcore.AuthorizerDecision) (*account.Principal, error) {
	v, err := judgeDecision(d, a.remote, a.enforced)
	if err != nil {
		return nil, err
	}
	return v.who, nil
}

func hostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "" // on an in-memory network
	}
	return host
}
