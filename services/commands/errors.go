package commands

import (
	"errors"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/core/reqres/jsonbody"
)

// What the service refuses an answer for. Test with errors.Is; the [*Error] in the chain has the service's message.
var (
	ErrInvalidTopic           = errors.New("commands: invalid topic")
	ErrInvalidJSON            = errors.New("commands: payload cannot be read")
	ErrInvalidRequest         = errors.New("commands: invalid request")
	ErrInvalidStateTransition = errors.New("commands: invalid state transition")
	ErrNotFound               = errors.New("commands: no such execution")
	ErrVersionMismatch        = errors.New("commands: version mismatch")
	ErrInternal               = errors.New("commands: internal error")
	ErrThrottled              = errors.New("commands: too many requests")
	ErrTerminal               = errors.New("commands: the execution is at an end")
)

var byCode = map[string]error{
	"InvalidTopic": ErrInvalidTopic, "InvalidJson": ErrInvalidJSON, "InvalidRequest": ErrInvalidRequest,
	"InvalidStateTransition": ErrInvalidStateTransition, "ResourceNotFound": ErrNotFound, "VersionMismatch": ErrVersionMismatch,
	"InternalError": ErrInternal, "RequestThrottled": ErrThrottled, "TerminalStateReached": ErrTerminal,
}

// Error is the service's refusal of an answer.
type Error struct {
	Code        string // as the service names it, such as TerminalStateReached
	Message     string
	ExecutionID string
}

// Error gives the service's words.
func (e *Error) Error() string { return fmt.Sprintf("the service refused: %s (%s)", e.Message, e.Code) }

// Is compares with the errors of this package.
func (e *Error) Is(target error) bool {
	known := byCode[e.Code]
	return known != nil && target == known
}

// MalformedError says that the service sent what this package cannot read.
type MalformedError = jsonbody.MalformedError
