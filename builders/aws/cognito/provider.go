package cognito

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity/types"
)

// Options are the options of a [Provider].
type Options struct {
	// Logins returns the tokens of the identity providers that the user has signed in to, by their names, such as
	// cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI. It is asked whenever credentials are. nil: a guest.
	Logins func(ctx context.Context) (map[string]string, error)
	// IdentityID is an identity that is known already. Empty: the pool gives one, which is kept for the life of the provider.
	IdentityID string
	// CustomRoleARN is the role to assume where the user's token allows several. Empty: the one that the pool chooses.
	CustomRoleARN string
	// Client sets options of the client of the AWS SDK. nil: nothing to set.
	Client func(*cognitoidentity.Options)
}

// String names the fields in use, and of their values only what is no secret.
func (o Options) String() string {
	return fmt.Sprintf("cognito.Options{Logins: %t, IdentityID: %q, CustomRoleARN: %q}", o.Logins != nil, o.IdentityID, o.CustomRoleARN)
}

// Format prints String for every verb.
func (o Options) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, o.String()) }

// LogValue logs String.
func (o Options) LogValue() slog.Value { return slog.StringValue(o.String()) }

// Provider is an [aws.CredentialsProvider]. The credentials are valid for 1 hour as a rule: wrap it in
// [aws.NewCredentialsCache], or leave that to awsiot.WebSocket. It is safe for concurrent use.
type Provider struct {
	client *cognitoidentity.Client
	pool   string
	opts   Options

	mu sync.Mutex
	id string
}

// New returns a provider for an identity pool, whose identifier begins with its region. Of the configuration it uses the
// region, the HTTP client and the like, but no credentials: the requests are not signed.
func New(cfg aws.Config, pool string, optFns ...func(*Options)) (*Provider, error) {
	var o Options
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	switch {
	case pool == "" && o.IdentityID == "":
		return nil, errors.New("cognito: the identity pool is empty")
	case cfg.Region == "":
		return nil, errors.New("cognito: the AWS configuration has no Region")
	}
	client := cognitoidentity.NewFromConfig(cfg, func(c *cognitoidentity.Options) {
		if o.Client != nil {
			o.Client(c)
		}
	})
	return &Provider{client: client, pool: pool, opts: o, id: o.IdentityID}, nil
}

// IdentityID returns the identity, which the pool is asked for once.
func (p *Provider) IdentityID(ctx context.Context) (string, error) {
	logins, err := p.logins(ctx)
	if err != nil {
		return "", err
	}
	return p.identity(ctx, logins)
}

func (p *Provider) logins(ctx context.Context) (map[string]string, error) {
	if p.opts.Logins == nil {
		return nil, nil
	}
	logins, err := p.opts.Logins(ctx)
	if err != nil {
		return nil, fmt.Errorf("cognito: logins: %w", err)
	}
	return logins, nil
}

func (p *Provider) identity(ctx context.Context, logins map[string]string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.id != "" {
		return p.id, nil
	}
	out, err := p.client.GetId(ctx, &cognitoidentity.GetIdInput{IdentityPoolId: aws.String(p.pool), Logins: logins})
	if err != nil {
		return "", fmt.Errorf("cognito: identity: %w", err)
	}
	if aws.ToString(out.IdentityId) == "" {
		return "", errors.New("cognito: the pool gave no identity")
	}
	p.id = *out.IdentityId
	return p.id, nil
}

// forget lets the pool be asked again, after it has lost the identity.
func (p *Provider) forget(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.id == id && p.opts.IdentityID == "" {
		p.id = ""
	}
}

// Retrieve gets credentials for the identity.
func (p *Provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	logins, err := p.logins(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	id, err := p.identity(ctx, logins)
	if err != nil {
		return aws.Credentials{}, err
	}
	in := &cognitoidentity.GetCredentialsForIdentityInput{IdentityId: aws.String(id), Logins: logins}
	if p.opts.CustomRoleARN != "" {
		in.CustomRoleArn = aws.String(p.opts.CustomRoleARN)
	}
	out, err := p.client.GetCredentialsForIdentity(ctx, in)
	if err != nil {
		if _, ok := errors.AsType[*types.ResourceNotFoundException](err); ok {
			p.forget(id)
		}
		return aws.Credentials{}, fmt.Errorf("cognito: credentials: %w", err)
	}
	c := out.Credentials
	if c == nil || c.AccessKeyId == nil || c.SecretKey == nil || c.SessionToken == nil || c.Expiration == nil {
		return aws.Credentials{}, errors.New("cognito: the answer has no credentials")
	}
	return aws.Credentials{
		AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretKey, SessionToken: *c.SessionToken,
		CanExpire: true, Expires: *c.Expiration, Source: "AmazonCognitoIdentity",
	}, nil
}
