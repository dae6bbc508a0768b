//go:build !linux

package usage

func resident() int64 { return 0 }
