package contender

import (
	"context"
	"net"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// gneiss drives this project's client. Publishes in flight are PublishAsync
// with a callback.
type gneiss struct {
	client *mqtt.Client
}

func (g *gneiss) Connect(ctx context.Context, addr, clientID string) error {
	client, err := mqtt.New(mqtt.Config{
		Endpoint: mqtt.Endpoint{
			Dial: func(ctx context.Context) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", addr)
			},
			Name: addr,
		},
		ClientID:   clientID,
		CleanStart: true,
		KeepAlive:  -1,
	})
	if err != nil {
		return wrap(OurName, err)
	}
	g.client = client
	if err := client.Start(); err != nil {
		return wrap(OurName, err)
	}
	_, err = client.Connected(ctx)
	return wrap(OurName, err)
}

func (g *gneiss) Publish(m Message) error {
	_, err := g.client.Publish(context.Background(), g.message(m))
	return wrap(OurName, err)
}

func (g *gneiss) Publisher(done func(error)) func(Message) error {
	callback := func(_ mqtt.PublishResult, err error) { done(wrap(OurName, err)) }
	return func(m Message) error {
		return wrap(OurName, g.client.PublishAsync(g.message(m), callback))
	}
}

func (g *gneiss) message(m Message) mqtt.Publish {
	return mqtt.Publish{Topic: m.Topic, Payload: m.Payload, QoS: packet.QoS(m.QoS)}
}

func (g *gneiss) Subscribe(filter string, qos byte, onPayload func([]byte)) error {
	return g.subscribe(filter, qos, onPayload, false)
}

func (g *gneiss) SubscribeBorrowed(filter string, qos byte, onPayload func([]byte)) error {
	return g.subscribe(filter, qos, onPayload, true)
}

func (g *gneiss) subscribe(filter string, qos byte, onPayload func([]byte), borrow bool) error {
	_, err := g.client.SubscribeWith(context.Background(), mqtt.SubscribeOptions{
		Handler: func(m mqtt.Message) { onPayload(m.Payload) },
		Borrow:  borrow,
	}, mqtt.Filter{Filter: filter, QoS: packet.QoS(qos)})
	return wrap(OurName, err)
}

func (g *gneiss) Close() error {
	if g.client == nil {
		return nil
	}
	return wrap(OurName, g.client.Close())
}
