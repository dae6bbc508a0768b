// Package usage reads what the operating system charges the process for.
package usage

import "time"

// CPU is the processor time of the process so far, user and system together.
// Zero where the platform does not say.
func CPU() time.Duration { return cpu() }

// Resident is the memory of the process that is in RAM, in bytes. Zero where
// the platform does not say.
func Resident() int64 { return resident() }
