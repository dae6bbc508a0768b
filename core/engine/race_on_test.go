//go:build race

package engine

// slow says that the race detector is on: it has little to find in code without goroutines, and makes it ten times
// slower. The long tests do less then.
const slow = true
