package usage

import (
	"fmt"
	"os"
)

func resident() int64 {
	// See proc_pid_statm(5): total size, then resident size, in pages.
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(data), &size, &pages); err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
