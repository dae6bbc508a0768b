package contender

import (
	"context"

	atwat "github.com/at-wat/mqtt-go"
)

const atWatName = "at-wat"

// atWat drives at-wat/mqtt-go's BaseClient, the fastest of its layers. Publishes
// in flight are goroutines in Publish.
type atWat struct {
	client *atwat.BaseClient
}

func (a *atWat) Connect(ctx context.Context, addr, clientID string) error {
	client, err := atwat.DialContext(ctx, "mqtt://"+addr)
	if err != nil {
		return wrap(atWatName, err)
	}
	a.client = client
	_, err = client.Connect(ctx, clientID, atwat.WithCleanSession(true), atwat.WithKeepAlive(0))
	return wrap(atWatName, err)
}

func (a *atWat) Publish(m Message) error {
	return wrap(atWatName, a.client.Publish(context.Background(), &atwat.Message{
		Topic: m.Topic, QoS: atwat.QoS(m.QoS), Payload: m.Payload,
	}))
}

func (a *atWat) Subscribe(filter string, qos byte, onPayload func([]byte)) error {
	a.client.Handle(atwat.HandlerFunc(func(m *atwat.Message) {
		if m.Topic == filter {
			onPayload(m.Payload)
		}
	}))
	_, err := a.client.Subscribe(context.Background(), atwat.Subscription{Topic: filter, QoS: atwat.QoS(qos)})
	return wrap(atWatName, err)
}

func (a *atWat) Close() error {
	if a.client == nil {
		return nil
	}
	return wrap(atWatName, a.client.Close())
}
