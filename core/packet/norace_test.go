//go:build !race

package packet

// raceFactor is 1 where there is no race detector.
const raceFactor = 1
