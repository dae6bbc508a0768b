package contender

import (
	"context"
	"net"
	"net/url"
	"sync"
	"time"

	mqtt3 "github.com/eclipse/paho.mqtt.golang"
)

const pahoMQTTName = "paho.mqtt.golang"

// pahoMQTT drives Eclipse's MQTT 3.1.1 client. A publish returns a token with a
// channel; since a broker acknowledges in order, one goroutine that waits for
// the tokens in order sees each completion.
type pahoMQTT struct {
	client  mqtt3.Client
	waiting chan flight
	quit    chan struct{} // closed by Close
	closing sync.Once
	waiter  sync.WaitGroup

	mu   sync.Mutex
	conn net.Conn
}

func newPahoMQTT() Client { return &pahoMQTT{quit: make(chan struct{})} }

type flight struct {
	token mqtt3.Token
	done  func(error)
}

func (p *pahoMQTT) Connect(ctx context.Context, addr, clientID string) error {
	options := mqtt3.NewClientOptions().
		AddBroker("tcp://" + addr).
		SetClientID(clientID).
		SetProtocolVersion(4).
		SetCleanSession(true).
		SetKeepAlive(0).
		SetAutoReconnect(false).
		SetConnectTimeout(10 * time.Second)
	options.SetCustomOpenConnectionFn(func(u *url.URL, _ mqtt3.ClientOptions) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.conn = conn
		return conn, err
	})
	p.client = mqtt3.NewClient(options)
	return wait(p.client.Connect())
}

func wait(token mqtt3.Token) error {
	token.Wait()
	return wrap(pahoMQTTName, token.Error())
}

func (p *pahoMQTT) Publish(m Message) error {
	return wait(p.client.Publish(m.Topic, m.QoS, false, m.Payload))
}

func (p *pahoMQTT) Publisher(done func(error)) func(Message) error {
	if p.waiting == nil {
		p.waiting = make(chan flight, 1024)
		p.waiter.Go(p.complete)
	}
	return func(m Message) error {
		select {
		case p.waiting <- flight{p.client.Publish(m.Topic, m.QoS, false, m.Payload), done}:
			return nil
		case <-p.quit:
			return wrap(pahoMQTTName, net.ErrClosed)
		}
	}
}

// complete reports completions until Close.
func (p *pahoMQTT) complete() {
	for {
		select {
		case f := <-p.waiting:
			<-f.token.Done() // Close ends it too
			f.done(wrap(pahoMQTTName, f.token.Error()))
		case <-p.quit:
			return
		}
	}
}

func (p *pahoMQTT) Subscribe(filter string, qos byte, onPayload func([]byte)) error {
	return wait(p.client.Subscribe(filter, qos, func(_ mqtt3.Client, m mqtt3.Message) { onPayload(m.Payload()) }))
}

func (p *pahoMQTT) Close() error {
	p.mu.Lock()
	conn := p.conn
	p.mu.Unlock()
	if conn != nil {
		_ = conn.Close() // so that Disconnect cannot wait for a full socket
	}
	if p.client != nil {
		p.client.Disconnect(0)
	}
	p.closing.Do(func() { close(p.quit) })
	p.waiter.Wait()
	return nil
}
