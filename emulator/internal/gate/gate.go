package gate

import (
	"math/rand/v2"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/policy"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// Config is what a gate is made from.
type Config struct {
	Options  iotcore.Options
	Account  *account.Account
	Services []service.Service
	// Epoch is the wall-clock time at Instant 0.
	Epoch time.Time
	// Next are the user's hooks, which are asked after the gate's own rules.
	Next broker.Hooks
	// Random is the source of session identifiers.
	Random rand.Source
}

// A Gate decides about the clients of one broker. The broker's lock guards it.
type Gate struct {
	opts     iotcore.Options
	quotas   iotcore.Quotas
	account  *account.Account
	services []service.Service
	epoch    time.Time
	next     broker.Hooks
	random   *rand.Rand

	peers    map[broker.ConnID]*peer
	asked    map[broker.ConnID]bool // those whose authorizer has not answered yet
	history  map[string]*history    // by client identifier
	actions  Actions
	policies map[string]*policy.Document // those read, by their text

	connects, subscribes, in, out bucket // of the whole account

	faults    []*fault
	lastFault int
	lastScan  broker.Instant
	due       broker.Instant // no peer has anything due earlier; 0: none has anything due
}

// New returns a gate without clients.
func New(c Config) *Gate {
	o := c.Options.WithDefaults()
	return &Gate{
		opts: o, quotas: o.Quotas, account: c.Account, services: c.Services, epoch: c.Epoch, next: c.Next,
		random: rand.New(c.Random), peers: map[broker.ConnID]*peer{}, asked: map[broker.ConnID]bool{},
		policies: map[string]*policy.Document{}, history: map[string]*history{},
	}
}

// Hooks returns the hooks for the broker.
func (g *Gate) Hooks() broker.Hooks {
	return broker.Hooks{
		Connect: g.connect, Publish: g.publish, Will: g.will, Subscribe: g.subscribe, Deliver: g.deliver, Auth: g.next.Auth,
	}
}

// Events is the kinds of events that the gate needs.
const Events = broker.EventConnected | broker.EventRefused | broker.EventDisconnected | broker.EventSubscribed | broker.EventUnsubscribed

// Wall returns the wall-clock time at an instant.
func (g *Gate) Wall(now broker.Instant) time.Time { return g.epoch.Add(time.Duration(now)) }

// instant returns when a wall-clock time is.
func (g *Gate) instant(t time.Time) broker.Instant { return broker.Instant(t.Sub(g.epoch)) }

// SetEpoch moves the wall clock: to another time at Instant 0.
func (g *Gate) SetEpoch(t time.Time) { g.epoch = t }

// peer is a client that the gate has let in.
type peer struct {
	id        string // client identifier
	principal *account.Principal
	session   string // session identifier, for events
	version   int    // version number, for events
	in, out   bucket // messages each way
	reason    string // why the gate has ended the connection, for events

	ask       *Ask           // what its authorizer was asked; nil without one
	refreshAt broker.Instant // when the authorizer is asked again; 0: never
	endAt     broker.Instant // when the connection ends; 0: never
	endReason string
}

// history is what is known of a client identifier beyond its connections.
type history struct {
	connects bucket
	version  int            // of the last connection
	here     int            // connections; more than one while one takes over
	left     broker.Instant // when the last one ended; 0 where there was none
}
