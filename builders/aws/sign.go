package awsiot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
)

const (
	// signingName is the name of the service that takes MQTT over WebSocket.
	signingName = "iotdevicegateway"
	// emptySHA256 is the hash of the body that a GET does not have.
	emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// cache is what can be told that its credentials are of no use.
type cache interface {
	aws.CredentialsProvider
	Invalidate()
}

// presigner signs the upgrade request of every attempt.
type presigner struct {
	credentials cache
	region      string
	now         func() time.Time
}

func newPresigner(provider aws.CredentialsProvider, o Options) *presigner {
	c, ok := provider.(cache)
	if !ok {
		c = aws.NewCredentialsCache(provider)
	}
	return &presigner{credentials: c, region: o.Region, now: o.Now}
}

// CredentialsError says that there are no usable AWS credentials for an attempt.
type CredentialsError struct {
	Err error
}

// Error names the cause.
func (e *CredentialsError) Error() string { return "awsiot: no AWS credentials: " + e.Err.Error() }

// Unwrap returns the provider's error.
func (e *CredentialsError) Unwrap() error { return e.Err }

// sign adds a signature to the query of the request.
func (p *presigner) sign(ctx context.Context, r *mqttws.Request) error {
	credentials, err := p.credentials.Retrieve(ctx)
	if err != nil {
		return &CredentialsError{Err: err}
	}
	now := p.now()
	if credentials.CanExpire && !now.Before(credentials.Expires) {
		p.credentials.Invalidate()
		return &CredentialsError{Err: fmt.Errorf("the provider has none but those that expired at %s", credentials.Expires.UTC().Format(time.RFC3339))}
	}
	host := r.URL.Host
	if h := r.Header.Get("Host"); h != "" {
		host = h // what the server sees is what is signed
	}
	r.URL.RawQuery, err = presign(ctx, credentials, host, r.URL, p.region, now)
	return err
}

// presign returns the query of a request for u with its signature. The session token is not signed but added afterwards:
// AWS IoT Core leaves it out of its own calculation.
func presign(ctx context.Context, credentials aws.Credentials, host string, u *url.URL, region string, now time.Time) (string, error) {
	request := &http.Request{
		Method: http.MethodGet,
		// The scheme is https for the signer: it leaves a default port out of the host for this one only.
		URL:    &url.URL{Scheme: "https", Host: host, Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery},
		Header: make(http.Header), // the WebSocket's headers are not signed: proxies may change them
		Host:   host,
	}
	// A new signer: it keeps the keys that it derives, also where another secret comes with the same access key.
	signed, _, err := v4.NewSigner().PresignHTTP(ctx, credentials, request, emptySHA256, signingName, region, now,
		func(o *v4.SignerOptions) { o.DisableSessionToken = true })
	if err != nil {
		return "", fmt.Errorf("awsiot: sign the request: %w", err)
	}
	u, err = url.Parse(signed)
	if err != nil {
		return "", errors.New("awsiot: sign the request: the signer's URL is not well-formed")
	}
	if credentials.SessionToken != "" {
		u.RawQuery += "&X-Amz-Security-Token=" + url.QueryEscape(credentials.SessionToken)
	}
	return u.RawQuery, nil
}
