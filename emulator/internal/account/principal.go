package account

import "crypto/x509"

// Kind says how a client has shown who it is.
type Kind int

// The kinds of principals.
const (
	Anonymous    Kind = iota // on a listener that asks nobody
	ByDevice                 // an X.509 certificate
	ByKey                    // an access key, by Signature Version 4
	ByAuthorizer             // a custom authorizer
)

// A Principal is who is connected, or who has sent a request by HTTP.
type Principal struct {
	Kind Kind
	// ID is the certificate's identifier, the access key's identifier, or the authorizer's principal identifier.
	ID string
	// ARN is what policies and things are attached to: that of the certificate, else ID itself.
	ARN string
	// Leaf is the certificate of a device.
	Leaf *x509.Certificate
	// SourceIP is where the client is; empty on an in-memory network.
	SourceIP string
	// Policies are the documents that came with the principal, from an authorizer or with an access key, beside those
	// that are attached to it.
	Policies []string
}
