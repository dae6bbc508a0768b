// Package service holds what the emulated services share: the message that comes in, the messages that go out, and
// strict reading of JSON.
//
// A service is a state machine without I/O, clock or lock. Time comes with every call; what is to be published comes
// back as values. The emulator calls it under its own lock.
package service
