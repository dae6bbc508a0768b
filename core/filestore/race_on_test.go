//go:build race

package filestore

// thin is one in how many of the cases of the long tests is tried: the race detector makes everything many times slower,
// and has nothing to find where there is one goroutine.
const thin = 7
