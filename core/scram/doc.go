// Package scram is SCRAM-SHA-256 for the enhanced authentication of MQTT 5: client and broker prove to each other that
// they know the password, and nobody who listens learns it (RFC 5802, RFC 7677).
//
//	endpoint, err := direct.URL("mqtts://broker.example.org")
//	endpoint.Auth, err = scram.SHA256("thermostat-7", password)
//	client, err := mqtt.New(mqtt.Config{Endpoint: endpoint, ClientID: "thermostat-7"})
//
// CONNECT carries the client's first message, an AUTH each the broker's challenge and the client's proof, and CONNACK the
// broker's own proof, as section 4.12 of the standard has it in its example. A broker that cannot prove itself gets
// nothing but that: the connection ends with [ErrServer] before a message is sent or delivered.
//
// It is also an example of an [mqtt.Authenticator] with several steps.
package scram
