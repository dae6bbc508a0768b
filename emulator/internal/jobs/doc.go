// Package jobs is the Jobs service of the emulator: job executions, the operations of devices on them, notifications,
// timeouts and retries, and the control plane's operations.
//
// The rule of notifications is in notify.go: every change is made between two looks at what is pending for a thing, and
// the difference says what to send.
package jobs
