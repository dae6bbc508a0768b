package reqres

import (
	"bytes"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// arrived looks for the call that a message answers.
func (c *Client) arrived(e *entry, m mqtt.Message) {
	defer m.Ack() // with manual acknowledgements; the client has handled it whatever it is
	c.mu.Lock()
	calls := c.calls[m.Topic]
	if len(calls) == 0 {
		if len(e.streams) == 0 {
			c.stats.Unmatched++
		}
		c.mu.Unlock()
		return
	}
	k, err := match(calls, &m)
	switch {
	case err != nil:
		c.stats.Malformed++
	case k == nil:
		c.stats.Unmatched++
	case k.r.Match == ByTopic && c.recent.repeated(&m):
		c.stats.Unmatched++
	case k.over: // nobody waits
		if k.expect--; k.expect <= 0 {
			c.forget(k)
			c.lingerOver(k)
		}
	default:
		c.forget(k)
		c.stats.Answers++
		m.Payload = bytes.Clone(m.Payload)
		k.end(Response{Message: m, Refused: k.r.Refusal != "" && m.Topic == k.r.Refusal}, nil)
	}
	c.mu.Unlock()
	if err != nil {
		c.report(fmt.Errorf("reqres: message on %q: %w", m.Topic, err))
	}
}

// match finds the call. An error says that the message is malformed, and answers none.
//
// A service that cannot read a request cannot repeat its token. A refusal without one is taken for the answer to the
// only request that waits on its topic; an acceptance is not, because others make requests without a token too.
func match(calls []*call, m *mqtt.Message) (*call, error) {
	var malformed error
	var fields map[string]string // by name of the field
	var waiting, found *call
	several := false
	for _, k := range calls {
		switch k.r.Match {
		case ByCorrelation:
			if bytes.Equal(k.r.Message.Correlation, m.Correlation) {
				return k, nil
			}
		case ByToken:
			text, known := fields[k.r.TokenField]
			if !known && malformed == nil {
				if text, malformed = token(m.Payload, k.r.TokenField); malformed == nil {
					if fields == nil {
						fields = make(map[string]string)
					}
					fields[k.r.TokenField] = text
				}
			}
			if malformed == nil && text == k.r.Token {
				return k, nil
			}
			several = several || waiting != nil
			if waiting == nil && text == "" && m.Topic == k.r.Refusal {
				waiting = k
			}
		case ByTopic:
			if found == nil {
				found = k
			}
		}
	}
	switch {
	case found != nil:
		return found, nil
	case waiting != nil && !several && malformed == nil:
		return waiting, nil
	}
	return nil, malformed
}
