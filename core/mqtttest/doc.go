// Package mqtttest has what tests of MQTT programs need: a broker's end of connections that a test scripts, and
// transports that fail where the test says.
//
// A [Peer] stands for the broker. Give its Dial to the client under test, take the connections it makes with
// [Peer.Accept] or [Peer.Connect], and say what the broker does on each [Conn]: expect packets, send packets or plain
// bytes, stall, close or cut. [Peer.Serve] answers as an obliging broker would, for tests that are about something else.
//
//	peer := mqtttest.NewPeer(t)
//	client, _ := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: peer.Dial}})
//	client.Start()
//	conn, connect := peer.Connect(&packet.Connack{})
//	go client.Publish(ctx, mqtt.Publish{Topic: "a", QoS: 1})
//	publish := mqtttest.Expect[packet.Publish](conn)
//	conn.Send(&packet.Puback{Ack: packet.Ack{ID: publish.ID}})
//
// Connections are in memory by default, and everything here waits in ways that [testing/synctest] understands: in a
// bubble, hours of keep alive and backoff pass at once. [NewLoopbackPeer] uses TCP instead, for what only real sockets
// show.
//
// Nothing of this depends on the client: it serves tests of any. [TestSessionStore] is for those who write a
// [mqtt.SessionStore].
//
// [mqtt.SessionStore]: https://pkg.go.dev/github.com/gneiss-mqtt/gneiss-go/core/mqtt#SessionStore
package mqtttest
