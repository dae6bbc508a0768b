package interop

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"software.sslmate.com/src/go-pkcs12"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

const (
	region = "us-east-1"
	thing  = "pump-7"
)

// account is AWS IoT Core on this machine, and what a device needs to get in.
type account struct {
	*emulator.Server
	device *emulator.Device
	files  emulator.CertFiles
	p12    string
	token  *rsa.PrivateKey // signs what the authorizer "signed" takes
}

// p12Password is of the file with the device's certificate.
const p12Password = "open sesame"

// tokenKey is made once: it takes a while.
var tokenKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newAccount(t testing.TB, edit ...func(*emulator.Options)) *account {
	t.Helper()
	a := new(account)
	var err error
	a.token, err = tokenKey()
	must(t, err)
	o := emulator.Options{}
	o.IoT.Authorizers = []iotcore.Authorizer{
		{Name: "open", Default: true, Table: []iotcore.Grant{
			{Username: "alice", Password: "correct horse", Decision: iotcore.AuthorizerDecision{Authenticated: true, PrincipalID: "alice"}},
		}},
		{Name: "signed", TokenKey: "ticket", SigningKeys: []*rsa.PublicKey{&a.token.PublicKey}, Table: []iotcore.Grant{
			{Token: ticket, Decision: iotcore.AuthorizerDecision{Authenticated: true, PrincipalID: "bob"}},
			{Token: jsTicket, Decision: iotcore.AuthorizerDecision{Authenticated: true, PrincipalID: "javascript"}},
		}},
	}
	for _, f := range edit {
		f(&o)
	}
	a.Server, err = emulator.Start(o)
	must(t, err)
	t.Cleanup(func() { must(t, a.Close()) })
	a.device, err = a.Device(thing)
	must(t, err)
	a.files, err = a.device.Write(t.TempDir())
	must(t, err)
	pair := a.device.TLS().Certificates[0]
	bundle, err := pkcs12.Modern.Encode(pair.PrivateKey, pair.Leaf, nil, p12Password)
	must(t, err)
	a.p12 = filepath.Join(t.TempDir(), "device.p12")
	must(t, os.WriteFile(a.p12, bundle, 0o600))
	return a
}

// ticket is a token with all that has to be encoded.
const ticket = "a ticket/1+2?=&%"

// sign signs a token for the authorizer "signed".
func (a *account) sign(t testing.TB, token string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(token))
	signature, err := rsa.SignPKCS1v15(nil, a.token, crypto.SHA256, sum[:])
	must(t, err)
	return base64.StdEncoding.EncodeToString(signature)
}

// options lead to the account, through a proxy where there is one.
func (a *account) options(proxy *url.URL) func(*awsiot.Options) {
	return func(o *awsiot.Options) {
		o.RootCAs, o.Region = []direct.PEM{direct.Bytes(a.CA())}, region
		if proxy != nil {
			o.Direct = func(d *direct.Options) { d.Proxy = direct.ProxyURL(proxy) }
		}
	}
}

// provider hands out an access key of the account.
func (a *account) provider(lifetime time.Duration) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		c, err := a.Credentials(emulator.CredentialOptions{Lifetime: lifetime})
		return credentials(c), err
	})
}

func credentials(c emulator.Credentials) aws.Credentials {
	return aws.Credentials{
		AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken,
		CanExpire: !c.Expires.IsZero(), Expires: c.Expires,
	}
}

// way is one into the account.
type way struct {
	name     string
	endpoint func(t testing.TB, a *account, opts func(*awsiot.Options)) (mqtt.Endpoint, error)
}

var ways = []way{
	{"files on 443", func(_ testing.TB, a *account, opts func(*awsiot.Options)) (mqtt.Endpoint, error) {
		return awsiot.MTLS(a.Endpoint(), awsiot.Files(a.files.Cert, a.files.Key), opts)
	}},
	{"PEM on 8883", func(_ testing.TB, a *account, opts func(*awsiot.Options)) (mqtt.Endpoint, error) {
		return awsiot.MTLS(a.Endpoint8883(), awsiot.PEM(a.device.CertPEM, a.device.KeyPEM), opts)
	}},
	{"PKCS12", func(_ testing.TB, a *account, opts func(*awsiot.Options)) (mqtt.Endpoint, error) {
		return awsiot.MTLS(a.Endpoint(), awsiot.PKCS12(a.p12, p12Password), opts)
	}},
	{"signer", func(_ testing.TB, a *account, opts func(*awsiot.Options)) (mqtt.Endpoint, error) {
		key := a.device.TLS().Certificates[0].PrivateKey.(crypto.Signer)
		return awsiot.MTLS(a.Endpoint(), awsiot.Signer(a.device.CertPEM, key), opts)
	}},
	{"SigV4", func(_ testing.TB, a *account, opts func(*awsiot.Options)) (mqtt.Endpoint, error) {
		return awsiot.WebSocket(aws.Config{Credentials: a.provider(0)}, a.Endpoint(), opts)
	}},
	{"SigV4 with a session token", func(_ testing.TB, a *account, opts func(*awsiot.Options)) (mqtt.Endpoint, error) {
		return awsiot.WebSocket(aws.Config{Credentials: a.provider(time.Hour)}, a.Endpoint(), opts)
	}},
	{"SigV4 with credentials for a certificate", func(t testing.TB, a *account, opts func(*awsiot.Options)) (mqtt.Endpoint, error) {
		must(t, a.RoleAlias("role", 0))
		var o awsiot.Options
		opts(&o)
		c, err := awsiot.X509Credentials(a.Endpoint(), "role", awsiot.Files(a.files.Cert, a.files.Key), func(c *awsiot.CredentialsOptions) {
			c.ThingName, c.RootCAs, c.Direct = thing, o.RootCAs, o.Direct
		})
		must(t, err)
		return awsiot.WebSocket(aws.Config{Credentials: c}, a.Endpoint(), opts)
	}},
	{"authorizer", func(_ testing.TB, a *account, opts func(*awsiot.Options)) (mqtt.Endpoint, error) {
		return awsiot.CustomAuth(a.Endpoint(), awsiot.Authorizer{Username: "alice", Password: []byte("correct horse")}, opts)
	}},
	{"authorizer with a signed token", func(t testing.TB, a *account, opts func(*awsiot.Options)) (mqtt.Endpoint, error) {
		return awsiot.CustomAuth(a.Endpoint(), a.signed(t), opts)
	}},
	{"authorizer over WebSocket", func(_ testing.TB, a *account, opts func(*awsiot.Options)) (mqtt.Endpoint, error) {
		return awsiot.CustomAuthWebSocket(a.Endpoint(),
			awsiot.Authorizer{Name: "open", Username: "alice", Password: []byte("correct horse")}, opts)
	}},
	{"authorizer with a signed token over WebSocket", func(t testing.TB, a *account, opts func(*awsiot.Options)) (mqtt.Endpoint, error) {
		return awsiot.CustomAuthWebSocket(a.Endpoint(), a.signed(t), opts)
	}},
}

func (a *account) signed(t testing.TB) awsiot.Authorizer {
	return awsiot.Authorizer{Name: "signed", Username: "bob?site=7", TokenKeyName: "ticket", TokenValue: ticket, TokenSignature: a.sign(t, ticket)}
}

// awsClient is a client with what it was told.
type awsClient struct {
	*mqtt.Client
	id      string
	version packet.Version

	mu       sync.Mutex
	failures []error
}

// client starts a client, and keeps what fails.
func (a *account) client(t testing.TB, endpoint mqtt.Endpoint, edit ...func(*mqtt.Config)) *awsClient {
	t.Helper()
	c := new(awsClient)
	cfg := mqtt.Config{Endpoint: endpoint, ClientID: thing}
	cfg.Trace = &mqtt.Trace{
		ConnectFailed: func(err *mqtt.ConnectError, _ time.Duration) { c.failed(err) },
		Disconnected:  c.failed,
	}
	for _, f := range edit {
		f(&cfg)
	}
	c.id, c.version = cfg.ClientID, cfg.Version
	cfg = awsiot.Defaults(cfg)
	cfg.Reconnect = mqtt.Backoff{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond}
	client, err := mqtt.New(cfg)
	must(t, err)
	c.Client = client
	must(t, c.Start())
	t.Cleanup(func() {
		_ = c.Close()
		<-c.Done()
	})
	return c
}

func (c *awsClient) failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && !errors.Is(err, mqtt.ErrClosed) {
		c.failures = append(c.failures, err)
	}
}

// took returns the failures since the last call.
func (c *awsClient) took() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.failures
	c.failures = nil
	return list
}
