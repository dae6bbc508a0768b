package reqres

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Match says how the answer to a request is told from other messages.
type Match uint8

// The ways of telling.
const (
	// ByTopic takes the next message on Reply or Refusal. Requests with the same ones wait for each other: until there is an
	// answer, for up to [Options.Linger] after one was given up on, and for up to 5 s after the answer to one that was sent
	// again after a reconnect, because there may be a second.
	ByTopic Match = iota
	// ByToken takes the message whose payload is a JSON object with the request's token.
	ByToken
	// ByCorrelation takes the message with the request's correlation data. MQTT 5 only. The response topic is Reply;
	// the correlation data is made by [Client.Do] unless Message has some.
	ByCorrelation
)

// Request is a message and where its answer comes.
type Request struct {
	// Message is published. It is sent at QoS 1 whatever its QoS: a request that is lost would wait in vain.
	Message mqtt.Publish
	// Reply is the topic on which the answer comes.
	Reply string
	// Refusal is the topic on which a refusal comes, where that is another one.
	Refusal string
	// Filters are subscribed before the request is sent. Default: Reply and Refusal. Twice the same is once.
	Filters []string

	Match Match
	// Token is what the answer carries in TokenField, with [ByToken]. It has to be in the payload of Message too.
	// Make it with [NewToken].
	Token string
	// TokenField is the member of the answer's JSON object that has the token. Default "clientToken".
	TokenField string
	// Repeat makes the request again after the session was lost in which it was sent, for requests that do no harm
	// when they are executed twice. By default it fails with [mqtt.ErrSessionLost].
	//
	// [mqtt.ErrSessionLost]: https://pkg.go.dev/github.com/gneiss-mqtt/gneiss-go/core/mqtt#ErrSessionLost
	Repeat bool
}

// Response is the answer to a request.
type Response struct {
	mqtt.Message
	// Refused says that it came on the topic for refusals.
	Refused bool
}

const defaultTokenField = "clientToken"

// check completes a request, and reports what is wrong with it.
func (r *Request) check() error {
	if err := packet.CheckTopic(r.Message.Topic); err != nil {
		return err
	}
	for _, topic := range r.topics() {
		if err := packet.CheckTopic(topic); err != nil {
			return fmt.Errorf("where the answer comes: %w", err)
		}
	}
	if len(r.Filters) == 0 {
		r.Filters = r.topics()
	}
	r.Filters = slices.Clone(r.Filters)
	slices.Sort(r.Filters)
	r.Filters = slices.Compact(r.Filters)
	for _, f := range r.Filters {
		if err := packet.CheckFilter(f); err != nil {
			return err
		}
	}
	for _, topic := range r.topics() {
		if !slices.ContainsFunc(r.Filters, func(f string) bool { return packet.Match(f, topic) }) {
			return fmt.Errorf("no filter matches %q, where the answer comes", topic)
		}
	}
	r.Message.QoS = packet.QoS1
	switch r.Match {
	case ByToken:
		if r.Token == "" {
			return errors.New("no token")
		}
		if r.TokenField == "" {
			r.TokenField = defaultTokenField
		}
	case ByCorrelation:
		r.Message.ResponseTopic = r.Reply
		if len(r.Message.Correlation) == 0 {
			r.Message.Correlation = []byte(NewToken())
		}
	}
	return nil
}

// topics are those on which the answer can come.
func (r *Request) topics() []string {
	if r.Refusal == "" || r.Refusal == r.Reply {
		return []string{r.Reply}
	}
	return []string{r.Reply, r.Refusal}
}

// lane names what the request has in common with those whose answers could be taken for its own.
func (r *Request) lane() string {
	key := r.Reply + "\x00" + r.Refusal + "\x00"
	switch r.Match {
	case ByToken:
		return key + "t" + r.Token
	case ByCorrelation:
		return key + "c" + string(r.Message.Correlation)
	}
	return key
}
