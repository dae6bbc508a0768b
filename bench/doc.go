// Command bench compares this project's MQTT client with others that Go
// programs use, in one run on one machine:
//
//	go run ./bench -quick   # under a minute
//	go run ./bench          # several minutes: QoS 2, payload sizes, idle memory
//
// It prints messages per second for publishing (one caller that waits for each
// message, 100 and 1,000 messages outstanding) and receiving, the ratio to the
// best of the others and to paho.golang, and what the client's process paid for
// it in processor time and allocations.
//
// The other end is not a broker but a sink in a process of its own that
// acknowledges at once, so that the clients are what is measured; the raw floor
// shows how fast the same packets go without a client, and "sink busy" how far
// the sink was from its limit. See the packages below internal for the rules:
// sink, measure (what a cell proves before it counts) and contender (how each
// client is used).
package main
