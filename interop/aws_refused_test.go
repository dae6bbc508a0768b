package interop

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// Who is refused is told why at every attempt, tries again with pauses, and can wait for the reason: nothing fails in
// silence.
func TestAWSRefused(t *testing.T) {
	t.Parallel()
	a := newAccount(t, func(o *emulator.Options) { o.IoT.Quotas = iotcore.NoQuotas() }) // of attempts in a second
	key, err := a.Credentials(emulator.CredentialOptions{})
	must(t, err)
	revoked, err := a.Credentials(emulator.CredentialOptions{})
	must(t, err)
	must(t, a.RevokeCredentials(revoked.AccessKeyID))
	temporary, err := a.Credentials(emulator.CredentialOptions{Lifetime: time.Hour})
	must(t, err)

	socket := func(edit func(c *aws.Credentials, o *awsiot.Options)) func(t *testing.T) (mqtt.Endpoint, error) {
		return func(t *testing.T) (mqtt.Endpoint, error) {
			c := credentials(key)
			var options awsiot.Options
			edit(&c, &options)
			static := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, nil })
			return awsiot.WebSocket(aws.Config{Credentials: static}, a.Endpoint(), func(o *awsiot.Options) {
				a.options(nil)(o)
				o.Now = options.Now
				if options.Region != "" {
					o.Region = options.Region
				}
			})
		}
	}
	certificate := func(from, until time.Duration) func(t *testing.T) (mqtt.Endpoint, error) {
		return func(t *testing.T) (mqtt.Endpoint, error) {
			pair := selfSigned(t, time.Now().Add(from), time.Now().Add(until))
			return awsiot.MTLS(a.Endpoint(), awsiot.KeyPair(pair), a.options(nil))
		}
	}
	authorizer := func(edit func(*awsiot.Authorizer)) func(t *testing.T) (mqtt.Endpoint, error) {
		return func(t *testing.T) (mqtt.Endpoint, error) {
			authorizer := a.signed(t)
			edit(&authorizer)
			return awsiot.CustomAuth(a.Endpoint(), authorizer, a.options(nil))
		}
	}
	device := func(status string) func(t *testing.T) (mqtt.Endpoint, error) {
		return func(t *testing.T) (mqtt.Endpoint, error) {
			d, err := a.Device("another")
			must(t, err)
			must(t, a.SetCertificateStatus(d.CertificateID, status))
			return awsiot.MTLS(a.Endpoint8883(), awsiot.PEM(d.CertPEM, d.KeyPEM), a.options(nil))
		}
	}
	byCertificate := func(alias, thing string) func(t *testing.T) (mqtt.Endpoint, error) {
		return func(t *testing.T) (mqtt.Endpoint, error) {
			c, err := awsiot.X509Credentials(a.Endpoint(), alias, awsiot.Files(a.files.Cert, a.files.Key), func(o *awsiot.CredentialsOptions) {
				o.ThingName, o.RootCAs = thing, []direct.PEM{direct.Bytes(a.CA())}
			})
			must(t, err)
			return awsiot.WebSocket(aws.Config{Credentials: c}, a.Endpoint(), a.options(nil))
		}
	}
	must(t, a.RoleAlias("role", 0))
	for name, c := range map[string]struct {
		endpoint func(t *testing.T) (mqtt.Endpoint, error)
		cause    awsiot.Cause
		says     string // and what it has to mention
	}{
		"wrong secret": {socket(func(c *aws.Credentials, _ *awsiot.Options) { c.SecretAccessKey = "x" }), awsiot.CauseSignature, "signature"},
		"unknown key":  {socket(func(c *aws.Credentials, _ *awsiot.Options) { c.AccessKeyID = "AKIAIOSFODNN7EXAMPLE" }), awsiot.CauseCredentials, "not known"},
		"revoked key":  {socket(func(c *aws.Credentials, _ *awsiot.Options) { *c = credentials(revoked) }), awsiot.CauseCredentials, "access key is active"},
		"no session token": {socket(func(c *aws.Credentials, _ *awsiot.Options) {
			*c = credentials(temporary)
			c.SessionToken = ""
		}), awsiot.CauseCredentials, "session token"},
		"another session token": {socket(func(c *aws.Credentials, _ *awsiot.Options) {
			*c = credentials(temporary)
			c.SessionToken = "x"
		}), awsiot.CauseCredentials, "session token"},
		"expired here": {socket(func(c *aws.Credentials, _ *awsiot.Options) {
			c.CanExpire, c.Expires = true, time.Now().Add(-time.Minute)
		}), awsiot.CauseCredentials, "expired"},
		"clock ahead":    {socket(func(_ *aws.Credentials, o *awsiot.Options) { o.Now = skewed(10 * time.Minute) }), awsiot.CauseClock, "ahead of"},
		"clock behind":   {socket(func(_ *aws.Credentials, o *awsiot.Options) { o.Now = skewed(-time.Hour) }), awsiot.CauseClock, "behind"},
		"another region": {socket(func(_ *aws.Credentials, o *awsiot.Options) { o.Region = "eu-west-1" }), awsiot.CauseSignature, "eu-west-1"},

		"certificate that is not registered": {certificate(-time.Hour, time.Hour), awsiot.CauseCertificate, "registered"},
		"certificate that has expired":       {certificate(-2*time.Hour, -time.Hour), awsiot.CauseCertificate, "expired"},
		"certificate that is inactive":       {device("INACTIVE"), awsiot.CauseCertificate, "ACTIVE"},
		"certificate that is revoked":        {device("REVOKED"), awsiot.CauseCertificate, "ACTIVE"},
		"no role alias":                      {byCertificate("nobody", ""), awsiot.CauseCredentials, `"iot:AssumeRoleWithCertificate","Resource":"arn:aws:iot:us-east-1:ACCOUNT:rolealias/nobody"`},
		"another's thing":                    {byCertificate("role", "another"), awsiot.CauseCredentials, "attached"},
		"certificate of the future":          {certificate(time.Hour, 2*time.Hour), awsiot.CauseClock, "clock"},

		"wrong signature": {authorizer(func(a *awsiot.Authorizer) { a.TokenSignature = "AAAA" }), awsiot.CauseAuthorizer, "signature"},
		"wrong token":     {authorizer(func(a *awsiot.Authorizer) { a.TokenValue = "x" }), awsiot.CauseAuthorizer, "signature"},
		"no authorizer":   {authorizer(func(a *awsiot.Authorizer) { a.Name = "nobody" }), awsiot.CauseAuthorizer, "name"},
		"wrong password":  {authorizer(func(a *awsiot.Authorizer) { *a = awsiot.Authorizer{Username: "alice", Password: []byte("x")} }), awsiot.CauseAuthorizer, "Lambda"},
	} {
		for _, version := range []packet.Version{packet.V5, packet.V311} {
			t.Run(name+"/"+version.String(), func(t *testing.T) {
				t.Parallel()
				endpoint, err := c.endpoint(t)
				must(t, err)
				client := a.client(t, endpoint, func(cfg *mqtt.Config) { cfg.ClientID, cfg.Version = "refused", version })
				var failures []error
				eventually(t, "two failures", func() bool {
					failures = append(failures, client.took()...)
					return len(failures) >= 2 || client.State() == mqtt.StateClosed && len(failures) > 0
				})
				for _, err := range failures {
					r, ok := errors.AsType[*awsiot.Refusal](err)
					if !ok || r.Cause != c.cause || !strings.Contains(err.Error(), c.says) {
						t.Errorf("%v\nwant the cause %s, and %q", err, c.cause, c.says)
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
				defer cancel()
				_, err = client.Connected(ctx)
				if r, ok := errors.AsType[*awsiot.Refusal](err); !ok || r.Cause != c.cause {
					t.Errorf("who waits is told %v", err)
				}
			})
		}
	}
}

func skewed(by time.Duration) func() time.Time { return func() time.Time { return time.Now().Add(by) } }

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

// selfSigned is a certificate that nobody has registered.
func selfSigned(t testing.TB, from, until time.Time) tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "stranger"}, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	leaf, err := x509.ParseCertificate(der)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
