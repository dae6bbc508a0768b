// Package memnet is a network in memory. Its connections are buffered like those of a kernel, so two ends that write at
// the same time do not wait for each other, and everything that waits does so on conditions and channels: it works
// inside a testing/synctest bubble, where a network and its listeners should be made inside the bubble.
//
// A [Link] gives connections latency, small reads, small buffers and a limited life, from a seed; [Conn.Cut],
// [Conn.Stall] and their counterparts on [Network] break them by hand.
package memnet
