// Package sigv4 verifies AWS Signature Version 4 as AWS IoT Core does: in the query of a WebSocket's upgrade, and in the
// Authorization header of an HTTP request. It is written from the description of the scheme and shares nothing with any
// signer.
package sigv4
