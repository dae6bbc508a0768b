// Package mqttws reaches a broker over WebSocket, with and without TLS, straight or through a proxy.
//
//	endpoint, err := mqttws.URL("wss://broker.example.org/mqtt", func(o *mqttws.Options) {
//		o.Direct = func(d *direct.Options) { d.RootCAs = []direct.PEM{direct.File("ca.pem")} }
//	})
//
// The endpoint goes into [mqtt.Config]. The connection is one stream of bytes in binary frames: MQTT packets may span
// frames and share them [MQTT-6.0.0-2]. A text frame ends it [MQTT-6.0.0-1]. The subprotocol is "mqtt", and a server
// that does not select it is refused [MQTT-6.0.0-4]. Compression is neither offered nor accepted.
//
// # Every attempt is a new one
//
// [Options.Prepare] sees the request of every attempt and may change its URL and headers: that is how services which
// sign the upgrade request are reached. The options of the connection below, such as TLS and proxies, are those of
// package direct, and follow the same rule: names are resolved and files read at every attempt. The context of the
// attempt bounds all of it: Prepare, the dial, the proxy, the TLS handshake, the answer to the upgrade request.
//
// # The connection
//
// What Dial returns is a [net.Conn] whose deadlines and Close act on reads and writes under way. A read that a deadline
// ends does no harm to later reads; a write that a deadline ends makes all later writes fail, as with TLS. CloseWrite
// tells the server that nothing more will be sent. Pings are answered without the application's help.
//
// An orderly end by the server is io.EOF; any other close code is a [*CloseError], and the end of the connection without
// one wraps io.ErrUnexpectedEOF. An answer to the upgrade request that is no upgrade is a [*HandshakeError].
//
// # Secrets
//
// Headers and the queries of URLs may hold passwords, tokens and signatures. They appear in no error of this package and
// in no formatted form of [Options] and [Request]; where a server repeats one in its answer, the error has it blacked
// out.
package mqttws
