package commands

import (
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// The codes of rejected messages.
const (
	InvalidTopic         = "InvalidTopic"
	InvalidJSON          = "InvalidJson"
	InvalidRequest       = "InvalidRequest"
	ResourceNotFound     = "ResourceNotFound"
	TerminalStateReached = "TerminalStateReached"
	InternalError        = "InternalError"
	RequestThrottled     = "RequestThrottled"
	// AlreadyExists and LimitExceeded are for the control plane only.
	AlreadyExists = "AlreadyExists"
	LimitExceeded = "LimitExceeded"
)

// Error is a refusal.
type Error struct{ Code, Message string }

func (e *Error) Error() string { return fmt.Sprintf("commands: %s: %s", e.Code, e.Message) }

// Public returns the error of the public API.
func (e *Error) Public() *iotcore.Error {
	return &iotcore.Error{Service: "commands", Code: e.Code, Message: e.Message}
}

func fail(code, format string, args ...any) *Error {
	return &Error{code, fmt.Sprintf(format, args...)}
}
