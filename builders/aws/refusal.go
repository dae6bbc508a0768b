package awsiot

import (
	"fmt"
	"strings"
)

// Cause names what most likely stands behind a refusal. The names are fit for metrics.
type Cause string

// The causes. What each means is in the text of the refusal.
const (
	CauseName          Cause = "endpoint-name"
	CauseNetwork       Cause = "network"
	CauseProxy         Cause = "proxy"
	CauseRoots         Cause = "trusted-roots"
	CauseClock         Cause = "clock"
	CauseCertificate   Cause = "certificate"
	CauseProtocol      Cause = "alpn-or-tls-version"
	CauseCredentials   Cause = "credentials"
	CauseSignature     Cause = "signature"
	CauseAuthorizer    Cause = "authorizer"
	CauseClientID      Cause = "client-id"
	CausePolicy        Cause = "policy"
	CauseDuplicate     Cause = "duplicate-client-id"
	CauseSubscribe     Cause = "subscribe-limit"
	CauseTopic         Cause = "topic"
	CausePayload       Cause = "payload-size"
	CauseQoS           Cause = "qos-2"
	CauseIdentifiers   Cause = "subscription-identifier"
	CauseQuota         Cause = "quota"
	CauseAliases       Cause = "topic-alias"
	CauseKeepAlive     Cause = "keep-alive"
	CauseAdministrator Cause = "administrator"
	CauseLifetime      Cause = "connection-lifetime"
	CauseService       Cause = "service"
)

// Refusal explains an error: what most likely stands behind it, and what to check. AWS IoT Core itself often says no more
// than that the connection is over, so this is an inference from how it ended, from what was sent last and from the codes
// there are. Find it with errors.AsType.
type Refusal struct {
	Cause  Cause
	Likely string   // in one sentence
	Check  []string // what to look at, the most likely first
	// Statement is the statement that a policy may lack, as JSON. Put the account's number, and the region where that is not
	// known, in. Empty where no policy is in question.
	Statement string
	Err       error // what is explained
}

// Error gives the explanation and the error.
func (r *Refusal) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "awsiot: %s: %v", r.Likely, r.Err)
	if len(r.Check) > 0 {
		b.WriteString("; check " + strings.Join(r.Check, "; "))
	}
	if r.Statement != "" {
		b.WriteString("; needed: " + r.Statement)
	}
	return b.String()
}

// Unwrap returns the error that is explained.
func (r *Refusal) Unwrap() error { return r.Err }
