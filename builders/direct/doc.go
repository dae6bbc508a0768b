// Package direct reaches a broker over TCP, TLS or a unix socket, straight or through a proxy.
//
//	endpoint, err := direct.TLS("broker.example.org", func(o *direct.Options) {
//		o.RootCAs = []direct.PEM{direct.File("ca.pem")}
//		o.CertificatePEM = direct.File("device.pem")
//		o.KeyPEM = direct.File("device.key")
//	})
//
// The endpoint goes into [mqtt.Config]. Nothing is connected before the client starts, but what can be judged
// beforehand is: a wrong address, a missing file or a key that does not belong to its certificate is an error here
// and not a line in a log later.
//
// # Every attempt is a new one
//
// Host names are resolved, files read, pass phrases asked for and proxies chosen at every attempt to connect, so that a
// rotated certificate or a moved broker needs no restart. A host with several addresses is tried on both address
// families at once, as [net.Dialer] does. The context of the attempt bounds all of it: the dial, the answer of the
// proxy and the TLS handshake.
//
// # Keys
//
// A private key is a PEM file or text (PKCS #1, PKCS #8 or SEC 1, encrypted or not) or any [crypto.Signer], so that it
// may stay in an HSM, a TPM or a cloud service. Encrypted keys are read in the form that OpenSSL writes today (PKCS #8
// with PBES2: PBKDF2 and AES or triple DES in CBC mode) and in its older one ("Proc-Type: 4,ENCRYPTED").
//
// # Secrets
//
// Pass phrases, keys and the passwords of proxies never appear in errors of this package nor in any formatted form of
// [Options].
package direct
