package mqtt

import (
	"context"
	"errors"
)

// An Authenticator takes part in the enhanced authentication of MQTT 5 [section 4.12]: at every attempt to connect, and
// in [Client.Reauthenticate]. Its methods and those of its exchanges run on goroutines of their own, where they may
// block, as for a token service, as long as ctx allows; who blocks beyond that, or panics, costs the exchange and not
// the client, but then its next call may come before it has returned. They must not wait for the client.
type Authenticator interface {
	// Method names the authentication method, such as "SCRAM-SHA-256". It is the same in all exchanges of a connection.
	Method() string
	// Begin starts an exchange; again says that it is a re-authentication. An error, as of a token service that cannot
	// be reached, ends an attempt to connect, to which there is a next one; it does a live connection no harm.
	Begin(ctx context.Context, again bool) (AuthExchange, error)
}

// AuthExchange is one authentication. Its methods are called one after the other.
type AuthExchange interface {
	// Next returns the data of the next packet: first, where challenge is nil, that of CONNECT or of the AUTH which asks
	// for a re-authentication; then the answer to each challenge of the broker, which is not nil but may be empty. An
	// error ends the exchange, and the connection if the broker waits for the answer. It does not for [ErrAuthLater]: that
	// reads a challenge during a re-authentication as "not now", and the connection goes on with what it had.
	Next(ctx context.Context, challenge []byte) ([]byte, error)
	// Done is called when the broker accepts, with the data of its CONNACK or AUTH. Where the broker has to authenticate
	// itself, this is the place to check that; an error ends the connection, before anything is sent on a new one and
	// before any message of the broker gets to a handler.
	Done(ctx context.Context, data []byte) error
}

// exchange is an authentication under way.
type exchange struct {
	AuthExchange
	method string
	data   []byte // for the first packet

	// Guarded by the client's mutex.
	challenge []byte // of an AUTH, to be answered; nil for none
	final     []byte // of CONNACK
}

// takeChallenge returns what is to be answered. c.mu is held.
func (x *exchange) takeChallenge() (p []byte) {
	if x != nil {
		p, x.challenge = x.challenge, nil
	}
	return p
}

// login starts the exchange of an attempt, nil where there is none.
func (c *Client) login(ctx context.Context) (*exchange, error) {
	if c.cfg.Endpoint.Auth == nil {
		return nil, nil
	}
	return c.begin(ctx, false)
}

const authenticator = "authenticator"

var (
	errNoMethod   = errors.New("the authenticator names no method")
	errNoExchange = errors.New("the authenticator's Begin returned neither an exchange nor an error")
)

func (c *Client) begin(ctx context.Context, again bool) (*exchange, error) {
	return guarded(ctx, c, authenticator, func() (*exchange, error) {
		a := c.cfg.Endpoint.Auth
		x := &exchange{method: a.Method()}
		if x.method == "" {
			return nil, errNoMethod
		}
		var err error
		if x.AuthExchange, err = a.Begin(ctx, again); err != nil {
			return nil, err
		}
		if x.AuthExchange == nil {
			return nil, errNoExchange
		}
		x.data, err = x.Next(ctx, nil)
		return x, err
	})
}

func (c *Client) next(ctx context.Context, x *exchange, challenge []byte) ([]byte, error) {
	return guarded(ctx, c, authenticator, func() ([]byte, error) { return x.Next(ctx, challenge) })
}

func (c *Client) accept(ctx context.Context, x *exchange, data []byte) error {
	_, err := guarded(ctx, c, authenticator, func() (struct{}, error) { return struct{}{}, x.Done(ctx, data) })
	return err
}
