package reqres

import (
	"context"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Serve answers requests that carry a response topic, as [ByCorrelation] makes them. answer is called for one request
// at a time; what it returns is published to where the request says, with its correlation data. Its ctx ends with the
// client. A request without a response topic is answered, and the answer dropped.
//
// The stream is like any other; see [Client.OpenStream]. MQTT 5 only.
func (c *Client) Serve(ctx context.Context, filter string, answer func(ctx context.Context, m mqtt.Message) mqtt.Publish) (*Stream, error) {
	return c.OpenStream(ctx, StreamOptions{Filter: filter, Handler: func(m mqtt.Message) {
		p := answer(c.ctx, m)
		if m.ResponseTopic == "" {
			return
		}
		p.Topic, p.Correlation = m.ResponseTopic, m.Correlation
		p.QoS = max(p.QoS, packet.QoS1)
		if _, err := c.mqtt.Publish(c.ctx, p); err != nil {
			c.report(fmt.Errorf("reqres: answer to %q: %w", m.Topic, err))
		}
	}})
}
