package interop

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/interop/internal/broker"
)

func as(user, password string) func(*setup) {
	return func(s *setup) { s.Username, s.Password = user, []byte(password) }
}

// A wrong password is refused, and the error says so in words: where, what, and why.
func testPassword(t *testing.T, w *world) {
	w.start(t, "right", as(broker.User, broker.Password)).publish(t, packet.QoS1, w.topic("x"), "hello")

	failures := make(chan *mqtt.ConnectError, 100)
	cfg := w.config(t, "wrong")
	cfg.Username, cfg.Password = broker.User, []byte("12345")
	cfg.Trace = &mqtt.Trace{ConnectFailed: func(err *mqtt.ConnectError, _ time.Duration) { failures <- err }}
	client, err := mqtt.New(cfg)
	must(t, err)
	must(t, client.Start())
	defer client.Close()

	failure := <-failures
	refused, ok := errors.AsType[*mqtt.ReasonError](failure)
	if !ok || refused.Packet != packet.CONNACK || refused.Code != packet.BadUserNameOrPassword && refused.Code != packet.NotAuthorized {
		t.Fatalf("the first attempt failed with %v", failure)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = client.Connected(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, refused) {
		t.Errorf("Connected returned %v, want the deadline and the reason", err)
	}
	for _, text := range []string{cfg.Endpoint.Name, "attempt 1", "the broker refused with CONNACK", refused.Code.String()} {
		if !strings.Contains(failure.Error(), text) {
			t.Errorf("%q does not say %q", failure, text)
		}
	}
	if strings.Contains(failure.Error(), "12345") {
		t.Errorf("%q tells the password", failure)
	}
}

// A publish where one may not is an error in MQTT 5, and nobody gets the message in either version.
func testDeniedPublish(t *testing.T, w *world) {
	to, topic := w.start(t, "to"), broker.Denied+"/"+w.name
	inbox := to.subscribe(t, packet.QoS2, w.topic("+"))
	for _, qos := range allQoS {
		from := w.start(t, "from"+itoa(int(qos)), func(s *setup) { s.MaxInterrupted = 1 })
		result, err := from.Publish(within(t), mqtt.Publish{Topic: topic, QoS: qos, Payload: []byte("secret")})
		switch {
		case w.v5() && qos > 0:
			if !errors.Is(err, &mqtt.ReasonError{Code: packet.NotAuthorized}) || mqtt.NotSent(err) ||
				!strings.Contains(err.Error(), "not authorized 0x87") || !strings.Contains(err.Error(), topic) {
				t.Errorf("QoS %d: %v, %v; want a refusal that says so", qos, result, err)
			}
		case err != nil && (!w.has(deniedHangsUp) || !interrupted(err)):
			t.Errorf("QoS %d: %v, though there is nothing to say it with", qos, err)
		}
		if w.has(deniedHangsUp) {
			from = to
		}
		inbox.end(t, from, packet.QoS1, w.topic("x")) // the connection lives
		from.oneConnection(t)
	}
}

// interrupted reports whether a publish was sent and then ended with its connection.
func interrupted(err error) bool {
	return !mqtt.NotSent(err) &&
		(errors.Is(err, mqtt.ErrConnectionLost) || errors.Is(err, mqtt.ErrSessionLost) || errors.Is(err, mqtt.ErrInterrupted))
}

// A message for which the broker hangs up does not do so for ever: what is interrupted too often fails, and what is
// behind it is delivered.
func testPoison(t *testing.T, w *world) {
	from := w.start(t, "from", keepSession, func(s *setup) { s.MaxInterrupted, s.SlowStart = 2, true })
	inbox := w.start(t, "to").subscribe(t, packet.QoS2, w.topic("x"))
	poison := make(chan error, 1)
	must(t, from.PublishAsync(mqtt.Publish{Topic: broker.Denied + "/" + w.name, QoS: packet.QoS2},
		func(_ mqtt.PublishResult, err error) { poison <- err }))
	from.publish(t, packet.QoS2, w.topic("x"), "behind it")
	inbox.want(t, "behind it")
	err := <-poison
	switch {
	case w.v5():
		if !errors.Is(err, &mqtt.ReasonError{Code: packet.NotAuthorized}) {
			t.Errorf("got %v, want a refusal", err)
		}
	case w.has(deniedHangsUp) && err != nil:
		if n := from.Stats().Connects; n != 4 || !errors.Is(err, mqtt.ErrInterrupted) {
			t.Errorf("%v after %d connections, want %v after the first and three with the message", err, n, mqtt.ErrInterrupted)
		}
	default:
		must(t, err)
	}
}

// A subscription that the broker refuses is an error that names the filter; the others are granted.
func testDeniedSubscribe(t *testing.T, w *world) {
	from, to := w.start(t, "from"), w.start(t, "to")
	denied := broker.Denied + "/" + w.name
	inbox := newInbox()
	sub, err := to.SubscribeFunc(within(t), inbox.handle,
		mqtt.Filter{Filter: w.topic("a"), QoS: packet.QoS1}, mqtt.Filter{Filter: denied, QoS: packet.QoS1}, mqtt.Filter{Filter: w.topic("b"), QoS: packet.QoS2})
	if sub == nil {
		t.Fatal(err)
	}
	granted := 2
	if w.has(grantsDenied) && err == nil {
		granted = 3
	} else {
		refused, ok := errors.AsType[*mqtt.ReasonError](err)
		if !ok || refused.Packet != packet.SUBACK || len(refused.Codes) != 3 || refused.Codes[0] != packet.GrantedQoS1 ||
			!refused.Codes[1].Failed() || refused.Codes[2] != packet.GrantedQoS2 || !strings.Contains(err.Error(), denied) {
			t.Errorf("got %v", err)
		}
	}
	if filters := sub.Filters(); len(filters) != granted {
		t.Errorf("granted are %q", filters)
	}
	from.publish(t, packet.QoS1, w.topic("a"), "a")
	from.publish(t, packet.QoS1, w.topic("b"), "b")
	inbox.want(t, "a", "b")
}

// A client certificate is presented and accepted.
func TestMutualTLS(t *testing.T) {
	t.Parallel()
	for _, kind := range broker.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			b := broker.Start(t, kind, broker.Options{ClientCertificates: true})
			w := newWorld(t, b, true, packet.V5)
			d := w.start(t, "certified", func(s *setup) {
				var err error
				s.Endpoint, err = direct.TLS(b.TLS, func(o *direct.Options) {
					o.RootCAs, o.OnlyRootCAs = []direct.PEM{direct.File(b.CA)}, true
					o.CertificatePEM, o.KeyPEM = direct.File(b.Cert), direct.File(b.Key)
				})
				must(t, err)
			})
			inbox := d.subscribe(t, packet.QoS1, w.topic("x"))
			inbox.end(t, d, packet.QoS1, w.topic("x"))

			failures := make(chan *mqtt.ConnectError, 10_000)
			cfg := w.config(t, "without")
			cfg.Trace = &mqtt.Trace{
				Connected:     func(mqtt.Session) { t.Error("connected without a certificate") },
				ConnectFailed: func(err *mqtt.ConnectError, _ time.Duration) { failures <- err },
			}
			without, err := mqtt.New(cfg)
			must(t, err)
			must(t, without.Start())
			defer without.Close()
			// The alert comes after the handshake in TLS 1.3, and a reset of the connection may overtake it.
			eventually(t, "the alert says what is missing", func() bool {
				return strings.Contains((<-failures).Error(), "certificate required")
			})
		})
	}
}
