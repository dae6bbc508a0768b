// Package awsiot reaches AWS IoT Core, in every way that it offers. Each is one function, which returns an endpoint for
// [mqtt.Config]:
//
//   - [MTLS]: a client certificate, on port 443 or 8883.
//   - [WebSocket]: AWS credentials, signed with Signature Version 4.
//   - [CustomAuth], [CustomAuthWebSocket]: a custom authorizer of the account, with user name, password or signed token.
//
// [X509Credentials] gets AWS credentials for a client certificate. Modules below this one have what brings more of the AWS
// SDK along: chain the default chain of credentials, cognito Amazon Cognito identities, discovery the endpoint of an
// account. A program with a certificate links none of it.
//
//	endpoint, err := awsiot.MTLS("a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com", awsiot.Files("device.pem", "device.key"))
//	...
//	client, err := mqtt.New(awsiot.Defaults(mqtt.Config{Endpoint: endpoint, ClientID: "pump-7"}))
//
// [Defaults] fills in what suits the service, and says why. Nothing is connected before the client starts, but what can be
// judged beforehand is: a wrong name, a missing file or a key that belongs to another certificate is an error here.
//
// # Every attempt is a new one
//
// Files are read, credentials retrieved, requests signed and tokens refreshed at every attempt to connect, so that what is
// rotated needs no restart, and a reconnect does not fail for what has expired. The service checks credentials only when a
// connection is opened.
//
// # Refusals
//
// AWS IoT Core refuses in few words: in MQTT 3.1.1 it hangs up, over WebSocket it answers 403. The errors of an endpoint's
// attempts and connections are therefore explained: a [*Refusal] names what most likely stands behind one, what to check,
// and the statement that a policy may lack. [Explain] does the same for the error of a publish or subscribe.
//
//	if r, ok := errors.AsType[*awsiot.Refusal](err); ok {
//		fmt.Println(r.Likely, r.Check, r.Statement)
//	}
//
// # Secrets
//
// Keys, pass phrases, AWS credentials, passwords and tokens never appear in errors of this package nor in any formatted form
// of its types.
//
// # Sources
//
// What the service does is described in the AWS IoT Core developer guide ("Device communication protocols", "Custom
// authentication and authorization", "Authorizing direct calls to AWS services", "MQTT"), in "AWS IoT Core endpoints and
// quotas", and seen in what AWS' own SDKs send.
package awsiot
