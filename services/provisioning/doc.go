// Package provisioning is a client of AWS IoT Fleet Provisioning: a device that has only a claim, which it may share with
// its whole production run, gets a certificate and a thing of its own.
//
//	requests := reqres.New(client) // connected with the claim
//	identity, err := provisioning.Provision(ctx, requests, provisioning.Options{
//		Template:   "fleet",
//		Parameters: map[string]string{"SerialNumber": serial},
//		Dir:        "/var/lib/device/identity",
//	})
//	cert, err := identity.TLS() // for the builder of the next client
//
// [Provision] is what most programs need: it survives the end of the process at any moment. Below it are the three
// operations of the service, in JSON and CBOR.
//
// # Ways in
//
// With provisioning by claim, the device connects with a claim certificate that was put into it when it was made. With
// provisioning by trusted user, an app on somebody's phone gets a claim that is good for 5 minutes, and hands it over:
// see [ParseClaim]. Either way the service makes the key, or the device does: then the key may stay in a security chip,
// as a [crypto.Signer].
//
// # Rules of the service
//
// A certificate is made first, and waits for its activation with a token that is good for an hour. With the token the
// device registers itself: the template says which parameters it needs and what is made of them. Requests carry nothing
// that tells their answers apart, so that they are made one after the other.
//
// After provisioning, close the claim's client and make a new one with the new identity. Two clients with the same client
// identifier disconnect each other.
//
// The rules are those of the [developer guide].
//
// [developer guide]: https://docs.aws.amazon.com/iot/latest/developerguide/provision-wo-cert.html
package provisioning
