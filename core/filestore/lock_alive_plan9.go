package filestore

import (
	"os"
	"strconv"
)

// alive reports whether there is such a process.
func alive(pid int) bool {
	_, err := os.Stat("/proc/" + strconv.Itoa(pid))
	return err == nil
}
