// Package shadow is the Device Shadow service of the emulator: classic and named shadows of any thing name, registered
// or not, as the service keeps them.
//
// Merging, deltas and metadata are in merge.go and delta.go; requests are checked in request.go, in the order in which
// the service reports mistakes.
package shadow
