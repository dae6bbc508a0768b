package sigv4

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Algorithm is the only algorithm there is.
const Algorithm = "AWS4-HMAC-SHA256"

// MaxExpires is how long a signed URL may be valid at most.
const MaxExpires = 7 * 24 * time.Hour

// Key is an access key, as the verifier has to know it.
type Key struct {
	Secret  string
	Token   string    // the session token that has to come with it; empty: none is looked at
	Expires time.Time // zero: never
	Revoked bool
}

// Verifier says what is accepted.
type Verifier struct {
	Region   string
	Services []string // signing names
	Now      time.Time
	// Skew is how far the time of a signature may be from Now.
	Skew time.Duration
	// Key returns an access key, ok is false where there is none.
	Key func(id string) (k Key, ok bool)
}

// claim is what a request says of its signature.
type claim struct {
	key, day, region, service string
	date                      time.Time
	stamp                     string // the date as it was sent
	expires                   time.Duration
	signedHeaders             []string
	signature, token          string
	query                     string // canonical
	payload                   string // hash
}

// Query verifies a request whose query is signed, and returns the identifier of the access key. The error is an
// [*Error].
func (v *Verifier) Query(r *http.Request) (string, error) {
	c, err := fromQuery(r)
	if err != nil {
		return "", err
	}
	return v.judge(r, c)
}

// Header verifies a request that is signed in its Authorization header, and whose body is body.
func (v *Verifier) Header(r *http.Request, body []byte) (string, error) {
	c, err := fromHeader(r, body)
	if err != nil {
		return "", err
	}
	return v.judge(r, c)
}

// judge checks the claim in the order in which a client can do something about it.
func (v *Verifier) judge(r *http.Request, c *claim) (string, error) {
	switch {
	case c.region != v.Region:
		return "", fail(Mismatch, "the credential is for the region %q, not %q", c.region, v.Region)
	case !slices.Contains(v.Services, c.service):
		return "", fail(Mismatch, "the credential is for the service %q, not %q", c.service, v.Services)
	case c.day != c.stamp[:8]:
		return "", fail(Mismatch, "the credential is for the day %s, the signature of %s", c.day, c.stamp)
	case !slices.Contains(c.signedHeaders, "host"):
		return "", fail(Incomplete, "the host header is not signed")
	}
	if err := v.timely(c); err != nil {
		return "", err
	}
	key, ok := v.Key(c.key)
	switch {
	case !ok || key.Revoked:
		return "", fail(Unknown, "there is no such access key")
	case !key.Expires.IsZero() && !v.Now.Before(key.Expires):
		return "", fail(Expired, "the credentials have expired at %s", key.Expires.UTC().Format(time.RFC3339))
	case key.Token != "" && subtle.ConstantTimeCompare([]byte(key.Token), []byte(c.token)) != 1:
		return "", fail(Unknown, "the session token is not that of the access key")
	}
	canonical, err := canonicalRequest(r, c)
	if err != nil {
		return "", err
	}
	want := sign(key.Secret, c, canonical)
	if subtle.ConstantTimeCompare([]byte(want), []byte(c.signature)) != 1 {
		return "", fail(Mismatch, "the signature does not match")
	}
	return c.key, nil
}

// timely compares the time of the signature with that of the service.
func (v *Verifier) timely(c *claim) error {
	age := v.Now.Sub(c.date)
	switch {
	case age < -v.Skew:
		return fail(Mismatch, "signature not yet current: it is of %s, and now is %s", c.stamp, v.Now.UTC().Format(stampLayout))
	case age > max(v.Skew, c.expires):
		return fail(Mismatch, "signature expired: it is of %s, and now is %s", c.stamp, v.Now.UTC().Format(stampLayout))
	}
	return nil
}

const stampLayout = "20060102T150405Z"

// scope reads KEY/DAY/REGION/SERVICE/aws4_request.
func (c *claim) scope(credential string) error {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 || parts[4] != "aws4_request" || parts[0] == "" {
		return fail(Incomplete, "the credential is not KEY/DAY/REGION/SERVICE/aws4_request")
	}
	c.key, c.day, c.region, c.service = parts[0], parts[1], parts[2], parts[3]
	return nil
}

func (c *claim) at(stamp string) error {
	t, err := time.Parse(stampLayout, stamp)
	if err != nil {
		return fail(Incomplete, "the date is not of the form %s", stampLayout)
	}
	c.date, c.stamp = t, stamp
	return nil
}

func (c *claim) lasts(seconds string) error {
	n, err := strconv.Atoi(seconds)
	if err != nil || n < 1 || time.Duration(n)*time.Second > MaxExpires {
		return fail(Incomplete, "X-Amz-Expires is not between 1 and %d seconds", int(MaxExpires/time.Second))
	}
	c.expires = time.Duration(n) * time.Second
	return nil
}

// headerNames reads a list of signed headers, which has to be sorted.
func (c *claim) headerNames(list string) error {
	c.signedHeaders = strings.Split(list, ";")
	if !slices.IsSorted(c.signedHeaders) || strings.ToLower(list) != list {
		return fail(Incomplete, "the signed headers are not sorted and in small letters")
	}
	return nil
}

// The kinds of errors, with the names that the service has for them.
const (
	Incomplete = "IncompleteSignatureException"
	Mismatch   = "InvalidSignatureException"
	Unknown    = "UnrecognizedClientException"
	Expired    = "ExpiredTokenException"
)

// Error is why a signature was refused. It holds nothing secret.
type Error struct{ Kind, Message string }

// Error names the kind and says more.
func (e *Error) Error() string { return "emulator: " + e.Kind + ": " + e.Message }

func fail(kind, format string, a ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, a...)}
}
