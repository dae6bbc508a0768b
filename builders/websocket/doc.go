// Package mqttws reaches a broker over WebSocket, with and without TLS, straight or through a proxy.
//
//	endpoint, err := mqttws.URL("wss://broker.example.org/mqtt", func(o *mqttws.Options) {
//		o.Direct = func(d *direct.Options) { d.RootCAs = []direct.PEM{direct.File("ca.pem")} }
//	})
//
// The endpoint goes into [mqtt.Config]. The connection is one stream of bytes in binary frames: MQTT packets may span
// frames and share them [MQTT-6.0.0-2]. A text frame ends it [MQTT-6.0.0-1]. The subprotocol is "mqtt", and a server
// that does not select it is refused [MQTT-6.0.0-4].
//
// [Options.Prepare] sees the request of every attempt and may change its URL and headers: that is how services which
// sign the upgrade request are reached.
package mqttws
