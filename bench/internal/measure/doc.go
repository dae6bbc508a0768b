// Package measure runs the cells of the comparison: one library, one way of
// using it, a number of messages.
//
// A cell opens a connection, warms it up, sends or receives exactly the number
// of messages asked for, and then proves it: the sink must have counted every
// message and acknowledgement, and every completion must have been reported
// exactly once. A cell that cannot prove it is an error, not a number.
package measure
