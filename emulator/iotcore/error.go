package iotcore

import "fmt"

// Error is a refusal of one of the services.
type Error struct {
	Service string // "shadow", "jobs", "provisioning" or "commands"
	Code    string // "409", "ResourceNotFound": in the words of the service's rejected messages
	Message string
}

// Error names the service, the code and what is behind it.
func (e *Error) Error() string {
	return fmt.Sprintf("emulator: %s: %s: %s", e.Service, e.Code, e.Message)
}
