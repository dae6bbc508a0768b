//go:build race

package packet

// raceFactor is how many allocations the race detector makes of one that grows a slice.
const raceFactor = 2
