// Package broker is an MQTT 5 and MQTT 3.1.1 broker as a state machine: no sockets, no goroutines, no locks, no clock,
// no logging. It is what the emulator, the simulator and any other host drive.
//
// # Driving it
//
// Everything that happens is told to a [Broker] as a call with the present time: [Broker.Open], [Broker.Receive],
// [Broker.Written], [Broker.Closed] and [Broker.Wake]. After any call the driver collects what came out of it:
//
//   - [Broker.TakeReady] lists the connections that have something to write or are to be closed, and
//     [Broker.TakeOut] hands over the bytes;
//   - [Broker.TakeEvents] returns what happened, as data;
//   - [Broker.NextWake] says when [Broker.Wake] is due.
//
// A connection that [Broker.TakeOut] reports as closing is closed once its bytes are written; the broker has already
// forgotten it, and calls that name it do nothing. Bytes handed over count against the connection's output limit until
// [Broker.Written] takes them off; a driver that does not read further while [Broker.Readable] is false lets a client
// that does not read its acknowledgements feel it on its own writes.
//
// Calls must not overlap: a driver with goroutines holds a lock around them. The same inputs at the same times, with
// the same random source, give the same outputs.
//
// # What it decides
//
// [Options] holds the limits, which have documented defaults, and [Hooks], through which connections, publishes and
// subscriptions are authorised. A hook that has to wait for somebody answers "pending" and the driver reports the
// decision later; everyone else goes on.
package broker
