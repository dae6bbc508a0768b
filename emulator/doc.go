// Package emulator is an MQTT broker to test against, started from a Go program as [net/http/httptest] starts a web
// server:
//
//	srv, err := emulator.Start(emulator.Options{})
//	...
//	defer srv.Close()
//	conn, err := srv.Dial(ctx) // or connect to srv.Addr()
//
// It speaks MQTT 5 and 3.1.1 over TCP, TLS with certificates of its own making, and an in-memory network that works
// inside a testing/synctest bubble. It listens on loopback addresses only, unless told otherwise.
//
// The protocol is in package broker, a state machine that the simulator drives as well; package memnet is the in-memory
// network. The command gneiss-emulator runs the same thing by hand.
package emulator
