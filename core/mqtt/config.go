package mqtt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Config is everything a client is told. A zero field is its documented default; only Endpoint.Dial is required.
// [New] copies it, with the will, the password and the user properties. Times "in whole seconds" are rounded up.
type Config struct {
	// Endpoint says how to reach the broker: use a builder, such as direct.URL.
	Endpoint Endpoint

	// ClientID names the session at the broker, in at most 65,535 bytes; only 23 letters and digits are sure to be
	// accepted. Empty: MQTT 5 brokers assign one, which is kept for the life of the client; in MQTT 3.1.1 that needs
	// CleanStart.
	ClientID string
	// Username and Password are sent with CONNECT, each at most 65,535 bytes: an empty Username and a nil Password are
	// left out. MQTT 3.1.1 has no password without a user name. Use [Endpoint.Prepare] for those that change.
	Username string
	Password []byte
	// Version is packet.V5 by default, or packet.V311.
	Version packet.Version

	// KeepAlive is how long the connection may be silent, in whole seconds up to 65,535 s. Default 60 s; negative:
	// off, and a dead link is found only by writing to it.
	KeepAlive time.Duration
	// PingTimeout is how long the broker may take to answer a PINGREQ. Default 30 s, always below half the keep alive.
	PingTimeout time.Duration
	// ConnectTimeout bounds an attempt, from dialling to CONNACK, with proxy, TLS and WebSocket; and the exchange of a
	// re-authentication. Default 30 s.
	ConnectTimeout time.Duration
	// AckTimeout is how long a call waits for the broker's acknowledgement, from when the packet is sent. Default 60 s;
	// negative: as long as its context. The message may still be delivered afterwards.
	AckTimeout time.Duration

	// CleanStart asks for a new session at every connection. By default the session is resumed where the broker has it.
	CleanStart bool
	// SessionExpiry is how long the broker keeps the session after the connection has ended, in whole seconds.
	// MQTT 5 only; default 0: not at all; [Forever]: for ever. In MQTT 3.1.1 a session without CleanStart has no end.
	SessionExpiry time.Duration
	// ResumeUnknown accepts a session that the broker kept from an earlier process, though nothing of it is known
	// here. By default such a connection is closed, as the specification asks [MQTT-3.2.2-4], and the next attempt
	// starts clean: what the broker had queued is lost.
	ResumeUnknown bool

	// Will is published by the broker when the connection ends without a proper DISCONNECT. nil: none.
	Will *Will

	// ReceiveMaximum is how many messages at QoS 1 and 2 may be waiting for their handlers. MQTT 5 only; default 1,024.
	// A broker that sends more is forgiven while they are below InboundBytes; with Strict it is not.
	ReceiveMaximum uint16
	// MaxInflight is how many messages at QoS 1 and 2 may be under way towards the broker, at most what it allows by its
	// receive maximum. The others wait in the queue. Default in MQTT 5: what the broker allows. MQTT 3.1.1 has no receive
	// maximum, and brokers hang up on a client that goes beyond what they take (20 in Mosquitto, 100 at AWS); default
	// there: 20.
	MaxInflight uint16
	// MaximumPacketSize is the largest packet accepted from the broker, in bytes. Default 16 MiB.
	MaximumPacketSize uint32
	// TopicAliasMaximum is how many topic aliases the broker may use. MQTT 5 only; default 64; negative: none.
	TopicAliasMaximum int
	// InboundBytes bounds the memory for messages that wait for their handlers. Default 8 MiB. At QoS 1 and 2 the
	// broker is throttled through ReceiveMaximum. At QoS 0, messages above it are dropped and counted where their own
	// handler is behind, and above twice as much everywhere; [SubscribeOptions.Drop] says which.
	InboundBytes int
	// UserProperties are sent with CONNECT. MQTT 5 only.
	UserProperties []packet.UserProperty

	// Aliases says how topic aliases are used towards the broker. MQTT 5 only; default [AliasNone].
	Aliases AliasMode
	// AliasSize is the number of topics that have an alias with [AliasLRU], up to 65,535. Default 32, at most what the
	// broker allows.
	AliasSize int

	// Reconnect says how long to wait between attempts.
	Reconnect Backoff
	// Offline says which operations wait for a connection. Default [KeepAcknowledged].
	Offline OfflinePolicy
	// Queue bounds the operations that wait or are under way.
	Queue QueueLimit
	// Session keeps messages and the state of their delivery across restarts of the process. nil: in memory only. The
	// client closes it.
	Session SessionStore
	// SlowStart sends, after a reconnect, one acknowledged operation at a time until those that were interrupted are
	// over: for brokers that answer a bad message by hanging up.
	SlowStart bool
	// MaxInterrupted fails an operation, with [ErrInterrupted], that was under way at the end of more connections than
	// this: perhaps it is what the broker hangs up for. Before it fails it is tried alone, so that no operation fails for
	// another. MQTT 3.1.1 brokers have no other answer to a message that they refuse: default there 5. Default in MQTT 5:
	// no limit. Negative: no limit; at most 255.
	MaxInterrupted int

	// ManualAcks leaves acknowledging messages at QoS 1 and 2 to the application: see [Message.Ack].
	ManualAcks bool
	// Handler gets the messages that no subscription claims. nil: they are acknowledged, counted and dropped.
	Handler Handler

	// Strict forgives the broker nothing that the specification does not.
	Strict bool
	// Logger gets connection changes and what goes wrong. nil: nothing is logged. It never gets secrets or payloads.
	Logger *slog.Logger
	// Trace is told what happens.
	Trace *Trace
}

// Forever is a [Config.SessionExpiry] without an end.
const Forever time.Duration = math.MaxInt64

// Will is the message that speaks for a client that is gone.
type Will struct {
	Topic   string
	Payload []byte // at most 65,535 bytes
	QoS     packet.QoS
	Retain  bool

	// The others are for MQTT 5; in MQTT 3.1.1 they are left out.
	Delay         time.Duration // how long the broker waits for a reconnect, in whole seconds, at most until the session expires; default 0
	Expiry        time.Duration // in whole seconds, counted from when it is published; 0: never
	PayloadFormat packet.PayloadFormat
	ContentType   string
	ResponseTopic string
	Correlation   []byte
	User          []packet.UserProperty
}

// QueueLimit bounds what a client holds for the application.
type QueueLimit struct {
	Count int // operations; default 10,000; negative: no limit
	Bytes int // memory; default 64 MiB; negative: no limit
	// Fail makes a full queue refuse with [ErrQueueFull]. By default a call waits for room as long as its context
	// allows; [Client.PublishAsync], which has no context, always refuses.
	Fail bool
}

// The engine's policies, under the names by which applications use them.
type (
	// OfflinePolicy says which operations wait for a connection.
	OfflinePolicy = engine.OfflinePolicy
	// AliasMode says how topic aliases are used towards the broker.
	AliasMode = engine.AliasMode
)

// The offline policies and alias modes.
const (
	KeepAcknowledged = engine.KeepAcknowledged // everything but publishes at QoS 0
	KeepAll          = engine.KeepAll          // everything
	KeepPublishes    = engine.KeepPublishes    // publishes at QoS 1 and 2
	KeepNone         = engine.KeepNone         // nothing

	AliasNone   = engine.AliasNone   // no aliases
	AliasManual = engine.AliasManual // Publish.TopicAlias as set
	AliasLRU    = engine.AliasLRU    // the topics used last
)

const (
	defaultKeepAlive      = 60 * time.Second
	defaultConnectTimeout = 30 * time.Second
	defaultReceiveMaximum = 1024
	defaultInterrupted    = 5
	defaultPacketSize     = 16 << 20
	defaultAliasMaximum   = 64
	defaultInboundBytes   = 8 << 20
	defaultQueueCount     = 10_000
	defaultQueueBytes     = 64 << 20
	maxSeconds            = math.MaxUint32 - 1
)

func (c *Config) setDefaults() error {
	if c.Endpoint.Dial == nil {
		return errors.New("mqtt: Config.Endpoint has no Dial: use a builder, such as direct.URL")
	}
	orDefault(&c.Version, packet.V5)
	orDefault(&c.KeepAlive, defaultKeepAlive)
	orDefault(&c.ConnectTimeout, defaultConnectTimeout)
	orDefault(&c.ReceiveMaximum, defaultReceiveMaximum)
	if c.Version == packet.V311 {
		orDefault(&c.MaxInterrupted, defaultInterrupted)
	}
	orDefault(&c.MaximumPacketSize, defaultPacketSize)
	orDefault(&c.TopicAliasMaximum, defaultAliasMaximum)
	orDefault(&c.InboundBytes, defaultInboundBytes)
	orDefault(&c.Endpoint.Name, "broker")
	orDefault(&c.Queue.Count, defaultQueueCount)
	orDefault(&c.Queue.Bytes, defaultQueueBytes)
	if c.Logger == nil {
		c.Logger = noLogger
	}
	c.copyPointees()
	switch {
	case c.KeepAlive > 65535*time.Second:
		return errors.New("mqtt: Config.KeepAlive is above 65,535 s")
	case c.KeepAlive > 0 && c.KeepAlive < time.Second:
		return errors.New("mqtt: Config.KeepAlive is below one second")
	case c.ConnectTimeout < 0:
		return errors.New("mqtt: Config.ConnectTimeout is negative")
	case c.SessionExpiry < 0:
		return errors.New("mqtt: Config.SessionExpiry is negative")
	case c.TopicAliasMaximum > 65535:
		return errors.New("mqtt: Config.TopicAliasMaximum is above 65,535")
	case c.InboundBytes < 0:
		return errors.New("mqtt: Config.InboundBytes is negative")
	case c.Will != nil && (c.Will.Delay < 0 || c.Will.Expiry < 0):
		return errors.New("mqtt: Config.Will: Delay and Expiry must not be negative")
	case c.MaxInterrupted > 255:
		return errors.New("mqtt: Config.MaxInterrupted is above 255")
	}
	if c.Endpoint.Limits.NoUserProperties && len(c.UserProperties) > 0 {
		return errors.New("mqtt: Config.UserProperties: the service takes user properties in PUBLISH alone")
	}
	if c.Endpoint.Auth != nil && c.Version != packet.V5 {
		return errors.New("mqtt: Config.Endpoint.Auth needs MQTT 5: earlier versions have no enhanced authentication")
	}
	if err := c.Reconnect.setDefaults(); err != nil {
		return err
	}
	if err := c.connect().Validate(c.Version, c.Strict); err != nil {
		return fmt.Errorf("mqtt: Config: %w", err)
	}
	return nil
}

// What clients without these have in common.
var (
	noLogger = slog.New(slog.DiscardHandler)
	noTrace  = new(Trace)
)

// copyPointees copies what attempts read later, so that the application may go on to use its own.
func (c *Config) copyPointees() {
	if c.Trace == nil {
		c.Trace = noTrace
	} else {
		trace := *c.Trace
		c.Trace = &trace
	}
	c.Password = bytes.Clone(c.Password)
	c.UserProperties = slices.Clone(c.UserProperties)
	if c.Will != nil {
		will := *c.Will
		will.Payload, will.Correlation, will.User = bytes.Clone(will.Payload), bytes.Clone(will.Correlation), slices.Clone(will.User)
		c.Will = &will
	}
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// seconds rounds up, so that a short time is not none, and saturates.
func seconds(d time.Duration) uint32 {
	if d == Forever {
		return math.MaxUint32
	}
	d = min(d, maxSeconds*time.Second)
	return uint32((d + time.Second - 1) / time.Second)
}

func (c *Config) engine(base time.Time) engine.Config {
	return engine.Config{
		Version:        c.Version,
		Strict:         c.Strict,
		Offline:        c.Offline,
		QueueCount:     c.Queue.Count,
		QueueBytes:     c.Queue.Bytes,
		AckTimeout:     engine.Duration(c.AckTimeout),
		PingTimeout:    engine.Duration(c.PingTimeout),
		Aliases:        c.Aliases,
		AliasSize:      c.AliasSize,
		ManualAcks:     c.ManualAcks,
		Durable:        c.Session != nil,
		Epoch:          base.UnixNano(),
		ResumeUnknown:  c.ResumeUnknown,
		SlowStart:      c.SlowStart,
		MaxInterrupted: uint8(max(0, c.MaxInterrupted)),
		MaxInflight:    int(c.MaxInflight),
		InboundBytes:   c.InboundBytes,
		FiltersPerOp:   c.Endpoint.Limits.FiltersPerSubscribe,
		NoQoS2:         c.Endpoint.Limits.NoQoS2,
		MaxPayload:     c.Endpoint.Limits.MaxPayload,
		PublishRate:    c.Endpoint.Limits.PublishRate,
		PublishBytes:   c.Endpoint.Limits.PublishBytes,
	}
}

// connect builds the CONNECT of an attempt.
func (c *Config) connect() *packet.Connect {
	p := &packet.Connect{
		Version:           c.Version,
		CleanStart:        c.CleanStart,
		KeepAlive:         uint16(max(0, (c.KeepAlive+time.Second-1)/time.Second)),
		ClientID:          c.ClientID,
		HasUsername:       c.Username != "",
		Username:          c.Username,
		HasPassword:       c.Password != nil,
		Password:          c.Password,
		ReceiveMaximum:    c.ReceiveMaximum,
		MaximumPacketSize: c.MaximumPacketSize,
		TopicAliasMaximum: uint16(max(0, c.TopicAliasMaximum)),
		SessionExpiry:     seconds(c.SessionExpiry),
		UserProperties:    c.UserProperties,
	}
	if w := c.Will; w != nil {
		p.Will = &packet.Will{
			Topic: w.Topic, Payload: w.Payload, QoS: w.QoS, Retain: w.Retain,
			DelayInterval: seconds(w.Delay), PayloadFormat: w.PayloadFormat, ContentType: w.ContentType,
			ResponseTopic: w.ResponseTopic, CorrelationData: w.Correlation, UserProperties: w.User,
		}
		if w.Expiry > 0 {
			p.Will.MessageExpiry = packet.Some(seconds(w.Expiry))
		}
	}
	return p
}

// String names the endpoint and the client identifier, and no secret.
func (c Config) String() string {
	return fmt.Sprintf("mqtt.Config{Endpoint: %s, ClientID: %q}", c.Endpoint.Name, c.ClientID)
}

// GoString is String.
func (c Config) GoString() string { return c.String() }

// Format is String for every verb: none prints the password.
func (c Config) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.String()) }

// LogValue is what a logger shows.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("endpoint", c.Endpoint.Name), slog.String("client_id", c.ClientID))
}
