package broker

import (
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

type connState byte

const (
	stateOpen    connState = iota // waiting for CONNECT
	statePending                  // a hook has postponed its decision
	stateAuth                     // an enhanced authentication before CONNACK
	stateUp                       // CONNACK was sent
	stateEnding                   // over, but its session does not know yet
	stateClosed                   // over
)

// conn is one network connection.
type conn struct {
	b      *Broker
	id     ConnID
	state  connState
	ready  bool
	silent bool // nothing is written any more
	gone   bool // the driver has said that it is closed
	client Client

	framer  packet.Framer
	decoder packet.Decoder
	connect *packet.Connect
	session *session
	held    []byte // received while a decision is pending
	auth    authState

	timer      timer // connect timeout, later keep alive and stalled writes
	deadline   Instant
	keepAlive  Instant // 1.5 times the keep alive, 0 for none
	lastPacket Instant

	// Towards the client.
	out          []byte
	taken        int     // bytes handed to the driver that have not left yet
	answers      int     // bytes of out that are not messages
	takenAnswers int     // those of taken, at most
	progress     Instant // when bytes last left, or began to wait
	maxPacket    int     // 0: no limit
	quota        int     // QoS 1 and 2 messages that may still be sent
	aliases      map[string]uint16
	maxAliases   uint16
	problemInfo  bool

	// From the client.
	topicByAlias []string
	inProgress   int // QoS 1 and 2 messages of this connection for which no PUBACK or PUBCOMP has been taken
	unsentAcks   int // those of them whose PUBACK or PUBCOMP is in out

	code     packet.ReasonCode // how it ended
	cause    Cause
	detail   string
	keepWill bool // publish the will
}

func (c *conn) v5() bool { return c.client.Version == packet.V5 }

// live reports whether the client has been accepted and not been given up.
func (c *conn) live() bool { return c.session != nil && c.state < stateEnding }

// roomy reports whether messages may still be added to the output.
func (c *conn) roomy() bool { return len(c.out)+c.taken < c.b.limits.OutBuffer }

// readable reports whether more may be read from the client. Messages for it do not count, or a slow subscriber's pings
// would not be answered.
func (c *conn) readable() bool {
	return c.state != statePending && c.answers+c.takenAnswers < c.b.limits.OutBuffer
}

// overrun is how far the output may go beyond what Readable and the limits allow, for a driver that reads on although
// Readable says no.
const overrun = 1 << 20

// wrote follows every growth of the output.
func (c *conn) wrote() {
	if c.progress == 0 {
		c.progress = c.b.now + 1 // 0 means that nothing waits
		c.watch(c.b.now.Add(c.b.limits.WriteTimeout))
	}
	c.b.markReady(c)
	if l := &c.b.limits; len(c.out)+c.taken > 2*l.OutBuffer+int(l.MaxPacketSize)+overrun {
		c.silent = true
		c.end(packet.QuotaExceeded, CauseStalled, "the client does not read its answers")
	}
}

// take hands the output over.
func (c *conn) take(spare []byte) []byte {
	out := c.out
	c.out = spare[:0]
	if c.silent {
		return nil
	}
	c.taken += len(out)
	c.takenAnswers += c.answers
	c.answers = 0
	// Every PUBACK and PUBCOMP frees a place in the client's count [section 4.9], those for exchanges of an earlier
	// connection too. Below 0 is how far the client may legitimately be ahead, since its count ends at the maximum when
	// the acknowledgement arrives, not when it is sent.
	c.inProgress = max(-int(c.b.limits.ReceiveMaximum), c.inProgress-c.unsentAcks)
	c.unsentAcks = 0
	return out
}

func (c *conn) written(n int) {
	c.taken = max(0, c.taken-n)
	c.takenAnswers = max(0, c.takenAnswers-n)
	if len(c.out)+c.taken == 0 {
		c.progress = 0
	} else {
		c.progress = c.b.now + 1
	}
	if c.live() {
		c.session.pump()
	}
}

// send appends a packet other than PUBLISH. What a client may not get for its size is cut down to the reason code, and
// left out where even that is too much [MQTT-3.1.2-24].
func (c *conn) send(p packet.Packet) {
	if c.silent {
		return
	}
	start := len(c.out)
	c.out, _ = p.Append(c.out, c.client.Version) // the broker makes no packet that cannot be written
	if c.maxPacket != 0 && len(c.out)-start > c.maxPacket {
		trim(p)
		c.out, _ = p.Append(c.out[:start], c.client.Version)
		if len(c.out)-start > c.maxPacket {
			c.out = c.out[:start]
			return
		}
	}
	c.answers += len(c.out) - start
	c.wrote()
}

// trim removes what the specification lets go when a packet is too large for its receiver.
func trim(p packet.Packet) {
	switch p := p.(type) {
	case *packet.Connack:
		p.ReasonString, p.UserProperties = "", nil // [MQTT-3.2.2-19] [MQTT-3.2.2-20]
	case *packet.Suback:
		p.ReasonString = "" // [MQTT-3.9.2-1]
	case *packet.Unsuback:
		p.ReasonString = "" // [MQTT-3.11.2-1]
	case *packet.Puback:
		p.ReasonString = "" // [MQTT-3.4.2-2]
	case *packet.Pubrec:
		p.ReasonString = "" // [MQTT-3.5.2-2]
	case *packet.Disconnect:
		p.ReasonString, p.UserProperties = "", nil // [MQTT-3.14.2-3]
	case *packet.Auth:
		p.ReasonString, p.UserProperties = "", nil // [MQTT-3.15.2-2]
	}
}

// fail ends the connection for something that went wrong, with a DISCONNECT where the client understands one
// [MQTT-4.13.1-1]; before CONNACK there is none [MQTT-3.14.0-1].
func (c *conn) fail(code packet.ReasonCode, cause Cause, detail string) {
	if c.live() && c.v5() {
		d := packet.Disconnect{Code: code}
		if !code.ValidIn(packet.DISCONNECT) {
			d.Code = packet.UnspecifiedError
		}
		if c.problemInfo {
			d.ReasonString = detail
		}
		c.send(&d)
	}
	c.end(code, cause, detail)
}

// kick ends the connection for a hook that asks for it.
func (c *conn) kick(code packet.ReasonCode, detail string) {
	if !code.Failed() {
		code = packet.NotAuthorized
	}
	c.fail(code, CauseNotAuthorized, detail)
}

// failPacket ends the connection for a packet that breaks the protocol.
func (c *conn) failPacket(e *packet.Error) {
	c.fail(e.Code, CauseProtocol, e.Detail+" ["+e.Clause+"]")
}

// end marks the connection as over; settle does the rest.
func (c *conn) end(code packet.ReasonCode, cause Cause, detail string) {
	if c.state >= stateEnding {
		return
	}
	if c.cause == CauseNone {
		c.code, c.cause, c.detail, c.keepWill = code, cause, detail, true
	}
	if c.session == nil {
		c.b.stats.Refused++
		if c.b.wants(EventRefused) {
			c.b.emit(Event{Kind: EventRefused, Client: c.client, Code: code, Cause: cause, Detail: detail})
		}
	}
	c.state = stateEnding
	c.b.doomed = append(c.b.doomed, c)
}
