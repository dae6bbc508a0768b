//go:build !race

package fleet

// devices is how many there are, unless GNEISS_LONG=1 asks for 1,000.
const devices = 300
