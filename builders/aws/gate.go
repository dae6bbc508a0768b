package awsiot

import (
	"context"
	"net"
	"sync"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// mode is the way in.
type mode uint8

const (
	modeMutualTLS mode = iota
	modeSigV4
	modeCustomAuth
)

// gate is one endpoint: what it knows of its attempts goes into the explanation of a refusal.
type gate struct {
	mode mode
	host host
	opts Options
	id   Identity
	// connect fills in what the mode puts into CONNECT. nil: nothing.
	connect func(ctx context.Context, c *packet.Connect) error
	// failed is told of an attempt that failed before there was a connection. nil: nobody.
	failed func(err error)

	mu       sync.Mutex
	madeUp   string // client identifier for configurations that have none
	clientID string // of the last CONNECT
	version  packet.Version
	last     *watched // the last connection
	shared   bool     // several clients use the endpoint at a time: last may be another's
}

// endpoint completes what reaches the service to what knows it.
func (g *gate) endpoint(e mqtt.Endpoint) mqtt.Endpoint {
	dial := e.Dial
	e.Dial = func(ctx context.Context) (net.Conn, error) {
		conn, err := dial(ctx)
		if err != nil {
			if g.failed != nil {
				g.failed(err)
			}
			return nil, &attemptError{err: err}
		}
		return g.watch(conn), nil
	}
	e.Prepare = g.prepare
	e.Explain = g.explain
	e.Limits = limits()
	return e
}

// prepare completes the CONNECT of an attempt.
func (g *gate) prepare(ctx context.Context, c *packet.Connect) error {
	if c.ClientID == "" {
		c.ClientID = g.generatedID()
	}
	g.mu.Lock()
	g.clientID, g.version = c.ClientID, c.Version
	g.mu.Unlock()
	if g.connect != nil {
		if err := g.connect(ctx, c); err != nil {
			return &attemptError{err: err, ours: true}
		}
	}
	if g.opts.Metrics {
		addMetrics(c)
	}
	return nil
}

// attemptError is a failure before there was a connection: what the service did on an earlier one has nothing to do with
// it. Or it is one that the service has no part in at all.
type attemptError struct {
	err  error
	ours bool
}

func (e *attemptError) Error() string { return e.err.Error() }
func (e *attemptError) Unwrap() error { return e.err }
