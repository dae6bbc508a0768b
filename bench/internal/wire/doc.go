// Package wire is the little MQTT that the benchmark's sink and its raw floor
// client need: framing, and the handful of packets that a throughput
// measurement exchanges, for protocol levels 4 (3.1.1) and 5.
//
// It deliberately shares no code with any client that is measured, so that
// neither end of a measurement can lend speed, or a mistake, to a contender.
package wire
