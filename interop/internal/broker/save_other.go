//go:build !unix

package broker

import (
	"errors"
	"os"
)

// save cannot be asked for where there are no signals; Mosquitto writes its database within a second by itself.
func save(*os.Process) error { return errors.ErrUnsupported }
