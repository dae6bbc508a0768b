package jobs

import (
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// The codes of rejected messages.
const (
	InvalidTopic           = "InvalidTopic"
	InvalidJSON            = "InvalidJson"
	InvalidRequest         = "InvalidRequest"
	InvalidStateTransition = "InvalidStateTransition"
	ResourceNotFound       = "ResourceNotFound"
	VersionMismatch        = "VersionMismatch"
	InternalError          = "InternalError"
	RequestThrottled       = "RequestThrottled"
	TerminalStateReached   = "TerminalStateReached"
	// AlreadyExists and LimitExceeded are for the control plane only.
	AlreadyExists = "AlreadyExists"
	LimitExceeded = "LimitExceeded"
)

// Error is a refusal.
type Error struct {
	Code    string
	Message string
	State   *State // of the execution, with InvalidStateTransition and VersionMismatch
}

func (e *Error) Error() string { return fmt.Sprintf("jobs: %s: %s", e.Code, e.Message) }

// Public returns the error of the public API.
func (e *Error) Public() *iotcore.Error {
	return &iotcore.Error{Service: "jobs", Code: e.Code, Message: e.Message}
}

func fail(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}
