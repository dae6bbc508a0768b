// Package broker starts the brokers that the tests talk to: Mosquitto as a process, mochi-mqtt and the emulator inside
// the test. All of them listen on free loopback ports for TCP and TLS, follow the same rules on users and topics, can
// be killed, and start again on the ports they had, with what they knew or without.
package broker
