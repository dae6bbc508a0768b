package awsiot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
)

// CredentialsOptions are the options of [X509Credentials].
type CredentialsOptions struct {
	// ThingName is the thing whose name and attributes the policies of the role may refer to. It must be attached to the
	// certificate. Empty: policies can refer to none.
	ThingName string
	// Port overrides the one of the endpoint, if it has any. Default 443.
	Port int
	// RootCAs and Direct are as in [Options].
	RootCAs []direct.PEM
	Direct  func(*direct.Options)
	// ExpiryWindow is how long before they expire the credentials are replaced, up to half of it by chance so that the devices
	// of a fleet do not come all at once. Default 5 minutes.
	ExpiryWindow time.Duration
	// Timeout bounds one request, with its connection. Default 30 s.
	Timeout time.Duration
}

// String names the fields in use, and of their values only what is no secret.
func (o CredentialsOptions) String() string {
	return fmt.Sprintf("awsiot.CredentialsOptions{ThingName: %q, Port: %d, ExpiryWindow: %v, Timeout: %v}", o.ThingName, o.Port, o.ExpiryWindow, o.Timeout)
}

// Format prints String for every verb.
func (o CredentialsOptions) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, o.String()) }

// LogValue logs String.
func (o CredentialsOptions) LogValue() slog.Value { return slog.StringValue(o.String()) }

const (
	defaultExpiryWindow = 5 * time.Minute
	defaultTimeout      = 30 * time.Second
	maxAnswer           = 64 << 10
)

// Role aliases by the AWS IoT API: CreateRoleAlias.
var roleAliases = regexp.MustCompile(`^[\w=,@-]{1,128}$`)

// X509Credentials returns AWS credentials that a device gets for its certificate, from the credentials provider of AWS IoT
// Core. The endpoint is the one of the account of type iot:CredentialProvider,
// <prefix>.credentials.iot.<region>.amazonaws.com. The role alias names the IAM role, which must trust
// credentials.iot.amazonaws.com; an IoT policy of the certificate must allow iot:AssumeRoleWithCertificate on the alias.
//
// The credentials are cached until shortly before they expire, for 1 hour as a rule. They serve [WebSocket] and any client of
// the AWS SDK. A refusal by the service is a [*CredentialsRefusal].
func X509Credentials(endpoint, roleAlias string, id Identity, optFns ...func(*CredentialsOptions)) (*aws.CredentialsCache, error) {
	h, err := parseHost(endpoint)
	if err != nil {
		return nil, err
	}
	var o CredentialsOptions
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	common, err := newOptions(h, []func(*Options){func(c *Options) { c.Port, c.RootCAs, c.Direct = o.Port, o.RootCAs, o.Direct }})
	switch {
	case err != nil:
		return nil, err
	case h.kind != hostCredentials && h.kind != hostCustom:
		return nil, fmt.Errorf("awsiot: %s does not give credentials; the endpoint of type iot:CredentialProvider does", h.name)
	case !roleAliases.MatchString(roleAlias):
		return nil, errors.New("awsiot: a role alias has 1 to 128 letters, digits and _ = , @ -")
	case id.none():
		return nil, errors.New("awsiot: X509Credentials needs an identity, such as Files")
	case o.ExpiryWindow < 0 || o.Timeout < 0:
		return nil, errors.New("awsiot: CredentialsOptions.ExpiryWindow and Timeout must not be negative")
	case strings.ContainsAny(o.ThingName, "\r\n"):
		return nil, errors.New("awsiot: CredentialsOptions.ThingName has a line break")
	}
	if id.check != nil {
		if err := id.check(); err != nil {
			return nil, err
		}
	}
	if o.ExpiryWindow == 0 {
		o.ExpiryWindow = defaultExpiryWindow
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	dialer, err := direct.NewDialer(common.below(id, ""))
	if err != nil {
		return nil, err
	}
	p := &certificateProvider{
		url:   url.URL{Scheme: "https", Host: h.authority(common.Port), Path: "/role-aliases/" + roleAlias + "/credentials"},
		alias: roleAlias,
		thing: o.ThingName,
		client: http.Client{
			// One request in an hour: the connection is not kept, and the certificate read anew each time.
			Transport:     &http.Transport{DialTLSContext: dialer.DialTLSContext, DisableKeepAlives: true, MaxResponseHeaderBytes: maxAnswer},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Timeout:       o.Timeout,
		},
	}
	return aws.NewCredentialsCache(p, func(c *aws.CredentialsCacheOptions) {
		c.ExpiryWindow, c.ExpiryWindowJitterFrac = o.ExpiryWindow, 0.5
	}), nil
}

type certificateProvider struct {
	url    url.URL
	alias  string
	thing  string
	client http.Client
}

// CredentialsRefusal is an answer of the credentials provider that has no credentials.
type CredentialsRefusal struct {
	StatusCode int
	Type       string // of the error, such as AccessDeniedException; may be empty
	Message    string // the service's words, may be empty
	RoleAlias  string // what credentials were asked for
}

// Error gives what the service says.
func (e *CredentialsRefusal) Error() string {
	s := fmt.Sprintf("awsiot: the credentials provider refused with status %d", e.StatusCode)
	if e.Type != "" {
		s += " " + e.Type
	}
	if e.Message != "" {
		s += fmt.Sprintf(" (%q)", e.Message)
	}
	return s
}

// Retrieve asks for new credentials. The cache around it passes a context without an end: the client has a timeout.
func (p *certificateProvider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url.String(), nil)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("awsiot: credentials provider: %w", err)
	}
	if p.thing != "" {
		request.Header.Set("x-amzn-iot-thingname", p.thing)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("awsiot: credentials provider: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("awsiot: credentials provider: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		refusal := credentialsRefusal(response, body)
		refusal.RoleAlias = p.alias
		return aws.Credentials{}, refusal
	}
	return parseCredentials(body)
}

func credentialsRefusal(response *http.Response, body []byte) *CredentialsRefusal {
	var said struct{ Message string } // in whatever case
	_ = json.Unmarshal(body, &said)
	return &CredentialsRefusal{StatusCode: response.StatusCode, Type: errorType(response.Header), Message: limited(said.Message)}
}

// errorType is the name of the error that AWS services put into a header, without what some put behind it.
func errorType(header http.Header) string {
	name, _, _ := strings.Cut(header.Get("x-amzn-ErrorType"), ":")
	return limited(name)
}

func limited(s string) string {
	const most = 300
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

func parseCredentials(body []byte) (aws.Credentials, error) {
	var answer struct {
		Credentials struct {
			AccessKeyID     string    `json:"accessKeyId"`
			SecretAccessKey string    `json:"secretAccessKey"`
			SessionToken    string    `json:"sessionToken"`
			Expiration      time.Time `json:"expiration"`
		} `json:"credentials"`
	}
	// The decoder's errors may quote what it cannot read.
	if err := json.Unmarshal(body, &answer); err != nil {
		return aws.Credentials{}, errors.New("awsiot: the credentials provider's answer is not what it should be")
	}
	c := answer.Credentials
	if c.AccessKeyID == "" || c.SecretAccessKey == "" || c.SessionToken == "" || c.Expiration.IsZero() {
		return aws.Credentials{}, errors.New("awsiot: the credentials provider's answer is incomplete")
	}
	return aws.Credentials{
		AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken,
		CanExpire: true, Expires: c.Expiration, Source: "AWSIoTCredentialsProvider",
	}, nil
}
