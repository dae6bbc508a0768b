//go:build windows || plan9 || js || wasip1

package filestore

// syncDir: these systems have no such call; a rename is as durable as they make it.
func syncDir(string) error { return nil }
