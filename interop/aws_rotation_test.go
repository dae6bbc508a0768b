package interop

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// keyring hands out the access key of now.
type keyring struct {
	mu    sync.Mutex
	now   aws.Credentials
	asked int
}

func (k *keyring) put(c emulator.Credentials) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.now = credentials(c)
}

func (k *keyring) Retrieve(context.Context) (aws.Credentials, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
	return k.now, nil
}

// A connection outlives the credentials that it was opened with. When it ends, the next is made with those of then, and the
// session goes on: what was published meanwhile arrives.
func TestAWSCredentialsExpireWhileConnected(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	key := func() emulator.Credentials {
		c, err := a.Credentials(emulator.CredentialOptions{Lifetime: 10 * time.Minute})
		must(t, err)
		return c
	}
	k := new(keyring)
	k.put(key())
	endpoint, err := awsiot.WebSocket(aws.Config{Credentials: k}, a.Endpoint(), func(o *awsiot.Options) {
		a.options(nil)(o)
		o.Now = a.Now
	})
	must(t, err)
	c := a.client(t, endpoint)
	s := newSurvivor(t, a, c)
	k.put(key())
	must(t, a.Advance(15*time.Minute)) // the keys expire, and the keep alive of whoever was silent runs out
	k.put(key())
	s.await(t)
	if k.asked < 2 {
		t.Errorf("the credentials were asked for %d times", k.asked)
	}
	s.unexplained(t)
}

// Credentials that are revoked are asked for anew after the refusal.
func TestAWSCredentialsAreRevokedWhileConnected(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	first, err := a.Credentials(emulator.CredentialOptions{})
	must(t, err)
	second, err := a.Credentials(emulator.CredentialOptions{})
	must(t, err)
	k := new(keyring)
	k.put(first)
	endpoint, err := awsiot.WebSocket(aws.Config{Credentials: k}, a.Endpoint(), a.options(nil))
	must(t, err)
	c := a.client(t, endpoint)
	s := newSurvivor(t, a, c)
	k.put(second) // which the cache does not know
	must(t, a.RevokeCredentials(first.AccessKeyID))
	must(t, a.DropClient(thing))
	s.await(t)
	refused := slices.ContainsFunc(s.failures, func(err error) bool {
		r, ok := errors.AsType[*awsiot.Refusal](err)
		return ok && r.Cause == awsiot.CauseCredentials
	})
	if !refused || k.asked != 2 {
		t.Errorf("asked %d times; failures %v", k.asked, s.failures)
	}
}

// A certificate that is replaced in its files is the one of the next connection, in the same session.
func TestAWSCertificateIsReplacedWhileConnected(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	endpoint, err := awsiot.MTLS(a.Endpoint(), awsiot.Files(a.files.Cert, a.files.Key), a.options(nil))
	must(t, err)
	c := a.client(t, endpoint)
	s := newSurvivor(t, a, c)
	next, err := a.Device(thing)
	must(t, err)
	must(t, os.WriteFile(a.files.Key, next.KeyPEM, 0o600))
	must(t, os.WriteFile(a.files.Cert, next.CertPEM, 0o600))
	must(t, a.DropClient(thing))
	s.await(t)
	s.unexplained(t)
}

// A certificate that is revoked ends its connection. The client says why it gets in no more, until it has another.
func TestAWSCertificateIsRevokedWhileConnected(t *testing.T) {
	t.Parallel()
	a := newAccount(t, func(o *emulator.Options) { o.IoT.Quotas = iotcore.NoQuotas() }) // of attempts in a second
	d, err := a.Device(thing)
	must(t, err)
	files, err := d.Write(t.TempDir())
	must(t, err)
	endpoint, err := awsiot.MTLS(a.Endpoint8883(), awsiot.Files(files.Cert, files.Key), a.options(nil))
	must(t, err)
	c := a.client(t, endpoint)
	s := newSurvivor(t, a, c)
	must(t, a.SetCertificateStatus(d.CertificateID, "REVOKED"))
	var refused []error
	eventually(t, "refused with the certificate that is revoked", func() bool {
		refused = append(refused, c.took()...)
		return slices.ContainsFunc(refused, func(err error) bool {
			r, ok := errors.AsType[*awsiot.Refusal](err)
			return ok && r.Cause == awsiot.CauseCertificate
		})
	})
	must(t, os.WriteFile(files.Key, a.device.KeyPEM, 0o600))
	must(t, os.WriteFile(files.Cert, a.device.CertPEM, 0o600))
	c.failed(refused[0])
	s.await(t)
}

// A token that expires is refreshed at every attempt.
func TestAWSTokenIsRefreshedWhileConnected(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	authorizer := awsiot.Authorizer{Name: "signed", TokenKeyName: "ticket"}
	refreshed := 0
	authorizer.Refresh = func(_ context.Context, it *awsiot.Authorizer) error {
		if refreshed++; refreshed == 2 {
			return errors.New("the token service is away")
		}
		it.TokenValue, it.TokenSignature = ticket, a.sign(t, ticket)
		return nil
	}
	endpoint, err := awsiot.CustomAuthWebSocket(a.Endpoint(), authorizer, a.options(nil))
	must(t, err)
	c := a.client(t, endpoint)
	s := newSurvivor(t, a, c)
	must(t, a.DropClient(thing))
	s.await(t)
	if refreshed != 3 {
		t.Errorf("the token was refreshed %d times, want 3", refreshed)
	}
}

// survivor is a session with a subscription, and somebody who publishes to it while its client is away.
type survivor struct {
	client   *awsClient
	sub      *mqtt.Subscription
	other    *awsClient
	connects uint64
	failures []error
}

const survivorTopic = "survivor/topic"

func newSurvivor(t *testing.T, a *account, c *awsClient) *survivor {
	t.Helper()
	ctx := within(t)
	sub, err := c.Subscribe(ctx, mqtt.Filter{Filter: survivorTopic, QoS: 1})
	must(t, err)
	endpoint, err := awsiot.MTLS(a.Endpoint8883(), awsiot.PEM(a.device.CertPEM, a.device.KeyPEM), a.options(nil))
	must(t, err)
	other := a.client(t, endpoint, func(cfg *mqtt.Config) { cfg.ClientID = "other" })
	_, err = other.Connected(ctx)
	must(t, err)
	return &survivor{client: c, sub: sub, other: other, connects: c.Stats().Connects}
}

// await waits until the client is back, and holds it to its session.
func (s *survivor) await(t *testing.T) {
	t.Helper()
	ctx := within(t)
	_, err := s.other.Publish(ctx, mqtt.Publish{Topic: survivorTopic, Payload: []byte("meanwhile"), QoS: 1})
	must(t, err)
	eventually(t, "connected again", func() bool {
		return s.client.Stats().Connects > s.connects && s.client.State() == mqtt.StateConnected
	})
	session, err := s.client.Connected(ctx)
	must(t, err)
	if !session.SessionPresent {
		t.Error("the session is lost")
	}
	for m, err := range s.sub.Messages(ctx) {
		must(t, err)
		if string(m.Payload) != "meanwhile" {
			t.Errorf("received %q", m.Payload)
		}
		break
	}
	s.failures = s.client.took()
	if len(s.failures) == 0 {
		t.Error("nobody was told that the connection had ended")
	}
}

// unexplained holds failures to being explained, but for the end of the connection, which has no reason.
func (s *survivor) unexplained(t *testing.T) {
	t.Helper()
	for _, err := range s.failures[1:] {
		if _, ok := errors.AsType[*awsiot.Refusal](err); !ok {
			t.Errorf("not explained: %v", err)
		}
	}
}
