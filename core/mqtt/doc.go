// Package mqtt is an MQTT 5 and MQTT 3.1.1 client.
//
//	endpoint, err := direct.URL("mqtt://localhost:1883")
//	client, err := mqtt.New(mqtt.Config{Endpoint: endpoint, ClientID: "thermostat-7"})
//	err = client.Start()
//	sub, err := client.Subscribe(ctx, mqtt.Filter{Filter: "rooms/+/temperature", QoS: 1})
//	for m, err := range sub.Messages(ctx) { ... }
//
// # Connection
//
// [Client.Start] supervises one connection for the life of the client: it dials, waits with exponential backoff and
// full jitter after a failure, and dials again. Operations may be started at any time; [Config.Offline] says which of
// them wait for a connection. [Client.Connected] waits for the connection and returns what was agreed on.
//
// # Delivery
//
// [Client.Publish] returns when the message is as good as delivered: written at QoS 0, acknowledged at QoS 1, and at the
// end of the four steps at QoS 2. A failing acknowledgement is an error, a [*ReasonError]. [NotSent] tells of any error
// whether a byte of the message can have reached the broker, that is, whether a retry may duplicate it.
//
// Messages reach the handler of each subscription they match, once, in order. Handlers of one subscription run one
// at a time; each subscription has its own goroutine, which exists only while there is something to do. A handler may
// call anything: publish and wait, subscribe, shut the client down. While it runs, its message is not acknowledged; a
// slow one throttles the broker through the receive maximum, and delays no ping. Messages at QoS 0 have no such brake:
// when [Config.InboundBytes] are waiting, the client stops reading for a moment, and then drops and counts them.
//
// # Authentication
//
// [Endpoint.Prepare] sets user name and password anew at every attempt. [Endpoint.Auth] takes part in the enhanced
// authentication of MQTT 5, at connect and, with [Client.Reauthenticate], on the live connection. Where that is not
// possible, [Client.Reconnect] replaces the connection without losing a message. [Endpoint.Renew] says when to do either.
//
// # Shutdown
//
// [Client.Shutdown] refuses new work, waits for what is under way, and disconnects in order. [Client.Close] is immediate.
// Both keep the broker's session; [Config.SessionExpiry] decides how long it lives.
//
// # Layers
//
// This package drives [engine.Engine], which holds the protocol and does no I/O, with goroutines, a clock and a
// transport. All engine state is under one mutex, no user code runs while it is held, and an idle connection costs one
// goroutine.
package mqtt
