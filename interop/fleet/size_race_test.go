//go:build race

package fleet

// devices is how many there are: the detector makes a handshake ten times as expensive.
const devices = 60
