package contender

import (
	"context"
	"net"
	"time"

	paho5 "github.com/eclipse/paho.golang/paho"
)

// PahoName is the name of Eclipse's MQTT 5 client in [Libraries].
const PahoName = "paho.golang"

// paho drives Eclipse's MQTT 5 client. It has no completion callback
// (PublishMethod_AsyncSend never tells the outcome), so publishes in flight are
// goroutines in Publish.
type paho struct {
	conn          net.Conn
	client        *paho5.Client
	packetTimeout time.Duration // the library's default if zero
}

func (p *paho) Connect(ctx context.Context, addr, clientID string) error {
	var err error
	if p.conn, err = new(net.Dialer).DialContext(ctx, "tcp", addr); err != nil {
		return wrap(PahoName, err)
	}
	p.client = paho5.NewClient(paho5.ClientConfig{
		Conn:          p.conn,
		PacketTimeout: p.packetTimeout,
		// The default router would look every message up by topic.
		OnPublishReceived: []func(paho5.PublishReceived) (bool, error){
			func(paho5.PublishReceived) (bool, error) { return false, nil },
		},
	})
	_, err = p.client.Connect(ctx, &paho5.Connect{ClientID: clientID, CleanStart: true})
	return wrap(PahoName, err)
}

func (p *paho) Publish(m Message) error {
	_, err := p.client.Publish(context.Background(), &paho5.Publish{Topic: m.Topic, QoS: m.QoS, Payload: m.Payload})
	return wrap(PahoName, err)
}

func (p *paho) Subscribe(filter string, qos byte, onPayload func([]byte)) error {
	p.client.AddOnPublishReceived(func(r paho5.PublishReceived) (bool, error) {
		if r.Packet.Topic != filter {
			return false, nil
		}
		onPayload(r.Packet.Payload)
		return true, nil
	})
	_, err := p.client.Subscribe(context.Background(), &paho5.Subscribe{
		Subscriptions: []paho5.SubscribeOptions{{Topic: filter, QoS: qos}},
	})
	return wrap(PahoName, err)
}

// Close leaves publishes under way to their packet timeout: the library cleans
// its session up without telling them.
func (p *paho) Close() error {
	if p.conn == nil {
		return nil
	}
	err := p.conn.Close()
	if p.client != nil {
		if done := p.client.Done(); done != nil {
			<-done
		}
	}
	return wrap(PahoName, err)
}
