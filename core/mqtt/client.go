package mqtt

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Client speaks MQTT with one broker. Make one with [New]; all methods may be called from any goroutine, handlers and
// callbacks included.
type Client struct {
	cfg    *Config         // a pointer, so that what prints a message or a subscription does not reach the password
	base   time.Time       // instants count from here
	ctx    context.Context // ends with the client; no parent of those of attempts, which would leave a map behind
	cancel context.CancelFunc
	done   chan struct{}

	// mu guards everything below, and the fields of links, calls and subscriptions that say so. No user code and no
	// I/O runs while it is held.
	mu         sync.Mutex
	engine     *engine.Engine
	stamp      engine.Instant // the time at the last batch
	link       *link          // the transport, from CONNECT on
	state      State
	changed    chan struct{} // closed and replaced when state changes
	session    Session
	lastErr    error // of the last attempt or connection; the reason once closed
	closed     error // what operations end with once the client is closed
	started    bool
	refusing   bool          // Shutdown has begun
	abandoned  int           // operations that were not over when the client was closed
	leaving    bool          // they are being ended
	left       []*OpError    // some of them
	attempts   int           // since the last stable connection
	callOff    func()        // ends the attempt that is being made; nil while there is none
	clean      bool          // the next attempt starts clean whatever the configuration
	workers    int           // goroutines of this client
	io         int           // of those, the ones that make or use a transport
	offline    chan struct{} // closed when the client is closed and io is 0
	inEndpoint chan struct{} // closed when the endpoint's Dial or Prepare returns; nil while nobody is in there
	stats      Stats

	flushing  bool // somebody stores or writes, and owns spare and the links' rest
	flushFn   func()
	spare     []byte
	store     SessionStore
	unsaved   []engine.Record // what the store holds next
	saving    error           // why the store cannot
	batches   uint64          // taken to be stored
	saved     uint64          // of those, stored
	savedMore chan struct{}   // closed when saved grows; nil while nobody waits

	authTurn chan struct{} // one slot: who re-authenticates or connects anew; made by turn
	reauth   *reauth       // under way, once its first packet is sent
	holding  chan struct{} // closed when all that was sent is acknowledged; nil while nobody waits

	timer *time.Timer
	armed engine.Instant

	syncs   int           // publishes whose callers wait
	lone    int           // how many in a row were alone
	room    chan struct{} // closed when the queue may have room; nil while nobody waits
	drained chan struct{} // closed when nothing is under way; nil while nobody waits

	scratch   []*engine.Op
	events    []engine.Event
	free      []*call   // for PublishAsync
	calls     sync.Pool // of *call; not guarded
	completer serial[*call]
	tracer    serial[func()]
	watchers  []*watcher

	router       router
	fallback     *Subscription // for Config.Handler
	ready        []*Subscription
	inboundBytes int
	dropping     bool
	reported     uint64        // of Stats.Dropped, what Trace has been told
	behind       *Subscription // whose handler the reader gives a moment
	readerWaits  bool
	relieved     chan struct{} // one slot: the reader can go on; nil before it has waited
}

// State says how a client stands.
type State uint8

// The states of a client.
const (
	StateIdle       State = iota // not started
	StateConnecting              // dialling, or waiting for CONNACK
	StateConnected               // the broker has accepted
	StateWaiting                 // before the next attempt
	StateClosed                  // for good
)

// String returns the name in lower case.
func (s State) String() string {
	return [...]string{"idle", "connecting", "connected", "waiting", "closed"}[min(s, StateClosed)]
}

// New checks the configuration and returns a client. It starts nothing, but reads [Config.Session] where that is set.
// Errors name the field that is wrong; a store of another client identifier is [ErrWrongSession].
func New(cfg Config) (*Client, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	base := time.Now()
	e, err := engine.New(cfg.engine(base))
	if err != nil {
		return nil, err
	}
	c := &Client{cfg: &cfg, base: base, store: cfg.Session, engine: e, armed: engine.Never,
		changed: make(chan struct{}), done: make(chan struct{}), offline: make(chan struct{})}
	ctx, cancel := context.WithCancelCause(context.Background())
	c.ctx, c.cancel = ctx, func() { cancel(ErrClosed) }
	c.flushFn = c.flush
	c.completer.init(c, "callback", (*call).complete)
	c.completer.after = c.reclaim
	c.tracer.init(c, traceFunction, func(f func()) { f() })
	if err := c.load(); err != nil {
		return nil, err
	}
	if cfg.Handler != nil {
		c.fallback = c.newSubscription(SubscribeOptions{Handler: cfg.Handler})
	}
	return c, nil
}

// now is the time on the clock of the engine.
func (c *Client) now() engine.Instant { return engine.Instant(time.Since(c.base)) }

// Start begins to connect and keeps connected until [Client.Shutdown], [Client.Close] or a terminal refusal. It does not
// wait. It returns [ErrStarted] the second time, and [ErrClosed] on a closed client: a client is started once.
func (c *Client) Start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state == StateClosed:
		return ErrClosed
	case c.started:
		return ErrStarted
	}
	c.started = true
	c.setState(StateConnecting)
	if n, f := c.stats.Restored, c.cfg.Trace.Restored; n > 0 && f != nil {
		c.tell(func() { f(n) })
	}
	c.spawnIO(c.supervise)
	return nil
}

// Connected waits for the connection and returns what was agreed on. When ctx ends first, the error also tells why the
// last attempt failed. A client that is closed, or was refused for good, returns that reason.
func (c *Client) Connected(ctx context.Context) (*Session, error) {
	for {
		c.mu.Lock()
		state, changed, last, session, closed := c.standing(), c.changed, c.lastErr, c.session, c.closed
		c.mu.Unlock()
		switch state {
		case StateIdle:
			return nil, ErrNotStarted
		case StateConnected:
			return &session, nil
		case StateClosed:
			return nil, closed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, notConnected(ctx, last)
		}
	}
}

func notConnected(ctx context.Context, last error) error {
	if last == nil {
		return fmt.Errorf("mqtt: not connected: %w", ctx.Err())
	}
	return fmt.Errorf("mqtt: not connected: %w; the last try ended with: %w", ctx.Err(), last)
}

// State returns how the client stands now.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.standing()
}

// standing is the state as others see it: what fails with a connection is told of that before it is decided what comes
// next. c.mu is held.
func (c *Client) standing() State {
	if c.state == StateConnected && c.link == nil {
		return StateConnecting
	}
	return c.state
}

// Done is closed when the client is closed and all its goroutines have ended, handlers included.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err returns why the client is closed, nil where it is not, and [ErrClosed] after Shutdown and Close.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != StateClosed {
		return nil
	}
	return c.lastErr
}

// String names the endpoint and the client identifier, and no secret.
func (c *Client) String() string {
	return fmt.Sprintf("mqtt.Client{Endpoint: %s, ClientID: %q}", c.cfg.Endpoint.Name, c.cfg.ClientID)
}

// Format is String for every verb: none prints the configuration.
func (c *Client) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.String()) }

func (c *Client) setState(s State) {
	if c.state == s {
		return
	}
	c.state = s
	close(c.changed)
	c.changed = make(chan struct{})
}

// spawn starts a goroutine that counts for Done. It must end with exit. c.mu is held.
func (c *Client) spawn(f func()) {
	c.workers++
	go f()
}

// spawnIO is spawn for goroutines that make or use a transport: Close waits for them. They end with exitIO.
func (c *Client) spawnIO(f func()) {
	c.io++
	c.spawn(f)
}

func (c *Client) exitIO() {
	c.io--
	c.exit()
}

// exit ends a goroutine started by spawn. c.mu is held.
func (c *Client) exit() {
	c.workers--
	c.finished()
}

// finished closes what tells that nothing is left. c.mu is held.
func (c *Client) finished() {
	if c.state != StateClosed {
		return
	}
	if c.io == 0 && c.store != nil {
		c.spawnIO(c.closeStore)
	} else if c.io == 0 {
		closeOnce(c.offline)
	}
	if c.workers == 0 {
		closeOnce(c.done)
	}
}

func closeOnce(ch chan struct{}) {
	select {
	case <-ch:
	default:
		close(ch)
	}
}

// Session is what a client and a broker agreed on for one connection.
type Session struct {
	engine.Negotiated
	// ResponseInformation is a basis for response topics, where the broker gave one.
	ResponseInformation string
	// ServerReference names another broker to use, where the broker gave one.
	ServerReference string
	UserProperties  []packet.UserProperty
	// Number counts the sessions of the client's life from 1: it grows when the broker has no session or has lost it.
	Number uint64
	// Restoring are the filters of subscriptions that the broker has lost and is asked for again. For each follows
	// [Trace.SubscriptionRestored] or [Trace.SubscriptionLost].
	Restoring []string
}
