package broker

import (
	"crypto/x509"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// ConnID names a network connection. Identifiers are never used twice.
type ConnID uint64

// ConnInfo is what the driver knows of a connection when it opens.
type ConnInfo struct {
	Listener     string              // which listener accepted it
	Remote       string              // the peer's address
	ServerName   string              // TLS server name, where there was one
	Protocol     string              // the protocol agreed on by ALPN
	Certificates []*x509.Certificate // the peer's verified chain, leaf first; empty without client authentication
	Context      any                 // whatever the driver wants its hooks to know
}

// Client is a connection that has sent its CONNECT, as hooks and events see it. Hooks must not change it.
type Client struct {
	ID       string
	Conn     ConnID
	Version  packet.Version
	Username string
	Info     ConnInfo
	// Identity is whatever the hook that accepted the client said it is.
	Identity any
}

// Hooks decide what clients may do. A nil hook allows. Hooks run inside the broker's calls: they answer at once, and
// call nothing of the broker.
type Hooks struct {
	// Connect decides on a CONNECT, after enhanced authentication where there is one.
	Connect func(now Instant, c *Client, p *packet.Connect) ConnectDecision
	// Auth takes part in an enhanced authentication [section 4.12]. Where it is nil a CONNECT with an authentication
	// method is refused with 0x8C.
	Auth func(now Instant, c *Client, step AuthStep) AuthDecision
	// Publish decides on a PUBLISH, and on a will when it is due where there is no Will. The packet's topic is resolved and its payload valid
	// during the call only.
	Publish func(now Instant, c *Client, p *packet.Publish) PublishDecision
	// Will decides on a will when it is due, instead of Publish.
	Will func(now Instant, c *Client, p *packet.Publish) PublishDecision
	// Subscribe decides on one filter of a SUBSCRIBE: a granted QoS, which is lowered to the one asked for, or a failure.
	Subscribe func(now Instant, c *Client, f packet.Filter) SubscribeDecision
	// Deliver decides whether a message may go to a client; false drops it.
	Deliver func(now Instant, c *Client, topic string) bool
}

// ConnectDecision answers a CONNECT.
type ConnectDecision struct {
	// Pending postpones the decision: [Broker.ResolveConnect] brings it. What the client sends until then waits.
	Pending bool
	// Code is Success, or the code of the refusal.
	Code packet.ReasonCode
	// ReasonString goes into the CONNACK.
	ReasonString string
	// ServerReference goes into the CONNACK of a refusal with 0x9C or 0x9D.
	ServerReference string
	// Identity is kept in [Client.Identity].
	Identity any
	// UserProperties go into the CONNACK.
	UserProperties []packet.UserProperty
	// Fresh forgets the session that there may be, as a broker that has lost it does.
	Fresh bool
	// Drop closes the connection without a word.
	Drop bool
}

// AuthStep is what a client sent in its CONNECT or AUTH.
type AuthStep struct {
	Method string
	Data   []byte
	// Again is true in a re-authentication.
	Again bool
}

// AuthDecision answers a step of an enhanced authentication.
type AuthDecision struct {
	// Pending postpones the decision: [Broker.ResolveAuth] brings it.
	Pending bool
	// Code is Success, ContinueAuthentication, or the code of the refusal.
	Code packet.ReasonCode
	// Later puts a re-authentication off, as some services do: the answer is 0x18, and the exchange is over.
	Later bool
	// Data is the server's authentication data.
	Data         []byte
	ReasonString string
	// Identity, where it is not nil, is kept in [Client.Identity].
	Identity any
}

// PublishDecision answers a PUBLISH.
type PublishDecision struct {
	// Code is Success, or the failure of PUBACK or PUBREC. A refused message reaches nobody; at QoS 0 and in MQTT 3.1.1
	// its sender does not learn of it.
	Code         packet.ReasonCode
	ReasonString string
	// Disconnect ends the connection: with Code, where that is a failure and belongs in a DISCONNECT. For a will it only
	// refuses.
	Disconnect bool
	// Consume takes the message: it is acknowledged and reported as an event, but goes to no subscriber and is not
	// retained.
	Consume bool
	// Replies are published after the acknowledgement, before the next packet is looked at.
	Replies []Reply
	Answer  Answer
}

// Answer is what becomes of an acknowledgement. The zero value sends it at once.
type Answer struct {
	// Omit never sends it.
	Omit bool
	// Delay sends it later: others may overtake it, which the specification does not allow.
	Delay time.Duration
	// Drop closes the connection without a word instead.
	Drop bool
}

// SubscribeDecision answers one filter of a SUBSCRIBE.
type SubscribeDecision struct {
	// Code is a failure of SUBACK; below 0x80 it grants what was asked for.
	Code packet.ReasonCode
	// ReasonString says why. Of several filters that are refused the first one's goes into the SUBACK.
	ReasonString string
	// MaxQoS, where present, lowers the granted QoS.
	MaxQoS packet.Opt[packet.QoS]
	// Disconnect ends the connection: with Code, where that is a failure and belongs in a DISCONNECT.
	Disconnect bool
	// Answer is about the SUBACK: of several filters the last one that asks for something counts.
	Answer Answer
}
