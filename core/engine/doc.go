// Package engine is the client side of the MQTT 5 and MQTT 3.1.1 protocols, without I/O.
//
// It has no sockets, goroutines, locks, timers, callbacks or logging, and it never reads a clock: whoever drives it
// passes the time into every call. The same engine runs under [core/mqtt], under the simulator, and in a host with an
// event loop of its own, a fixed memory budget and no goroutine to spare.
//
// # Inputs
//
//   - [Engine.Open]: a transport is up; the engine answers with a CONNECT.
//   - [Engine.Receive]: bytes have arrived. It returns at each inbound message, so that none needs to be buffered.
//   - [Engine.Submit], [Engine.Cancel]: a publish, subscribe or unsubscribe of the application.
//   - [Engine.Ack]: the application has taken an inbound message.
//   - [Engine.Wrote]: bytes have left.
//   - [Engine.Tick]: the instant [Engine.Wake] named has come.
//   - [Engine.Disconnect], [Engine.Closed]: the connection is to end; the transport has ended.
//   - [Engine.Load], [Engine.LoadDone]: what an earlier process has stored.
//
// # Outputs
//
//   - [Engine.TakeRecords]: what has to be stored before the bytes that TakeOut returns next are written. Only with
//     [Config.Durable].
//   - [Engine.TakeOut]: bytes to write.
//   - [Engine.TakeEvents]: what else happened, as data.
//   - [Engine.TakeDone]: operations that are over, each exactly once.
//   - [Engine.Wake]: when to call Tick at the latest.
//   - [Engine.Err]: why the connection must end. Write what TakeOut still has, close the transport, call Closed.
//
// After any input there may be outputs of every kind; taking bytes makes room for more. The transcripts in
// testdata/script show what follows from what, one rule in each file.
//
// An engine lives as long as the session it speaks for: over any number of connections. It is not safe for
// concurrent use.
//
// [core/mqtt]: https://pkg.go.dev/github.com/gneiss-mqtt/gneiss-go/core/mqtt
package engine
