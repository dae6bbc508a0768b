// Package commands is the Commands service of the emulator: commands, their executions, the requests that devices get and
// the responses they send.
//
// A device that does not answer in time has its execution marked as timed out, but may still answer; what a device itself
// says last is final.
package commands
