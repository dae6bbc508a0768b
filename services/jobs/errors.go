package jobs

import (
	"errors"
	"fmt"
	"time"
)

// What the service refuses a request for. Test with errors.Is; the [*Error] in the chain has the service's message.
var (
	ErrInvalidTopic           = errors.New("jobs: invalid topic")
	ErrInvalidJSON            = errors.New("jobs: invalid JSON")
	ErrInvalidRequest         = errors.New("jobs: invalid request")
	ErrInvalidStateTransition = errors.New("jobs: invalid state transition")
	ErrNotFound               = errors.New("jobs: no such job or execution")
	ErrVersionMismatch        = errors.New("jobs: version mismatch")
	ErrInternal               = errors.New("jobs: internal error")
	ErrThrottled              = errors.New("jobs: too many requests")
	ErrTerminal               = errors.New("jobs: the execution is at an end")
)

var byCode = map[string]error{
	"InvalidTopic": ErrInvalidTopic, "InvalidJson": ErrInvalidJSON, "InvalidRequest": ErrInvalidRequest,
	"InvalidStateTransition": ErrInvalidStateTransition, "ResourceNotFound": ErrNotFound, "VersionMismatch": ErrVersionMismatch,
	"InternalError": ErrInternal, "RequestThrottled": ErrThrottled, "TerminalStateReached": ErrTerminal,
}

// Error is the service's refusal of a request.
type Error struct {
	Code        string    `json:"code"` // as the service names it, such as VersionMismatch
	Message     string    `json:"message"`
	State       *State    `json:"executionState"` // nil where the service gave none
	ClientToken string    `json:"clientToken"`
	Timestamp   time.Time `json:"-"`
}

// Error gives the service's words.
func (e *Error) Error() string { return fmt.Sprintf("the service refused: %s (%s)", e.Message, e.Code) }

// Is compares with the errors of this package.
func (e *Error) Is(target error) bool {
	known := byCode[e.Code]
	return known != nil && target == known
}

// UnmarshalJSON reads what the service sends.
func (e *Error) UnmarshalJSON(b []byte) error {
	type plain Error
	*e = Error{}
	return takeWith(b, (*plain)(e), map[string]any{"timestamp": (*seconds)(&e.Timestamp)}, nil)
}

// MalformedError says that the service sent what this package cannot read.
type MalformedError struct {
	Payload []byte // the beginning, 256 bytes at the most
	Err     error
}

// Error shows the beginning of the message.
func (e *MalformedError) Error() string {
	return fmt.Sprintf("the service sent something unreadable: %v: %q", e.Err, e.Payload)
}

// Unwrap returns what is wrong with it.
func (e *MalformedError) Unwrap() error { return e.Err }

// refusal reads the answer of a refused request.
func refusal(payload []byte) error {
	e := new(Error)
	if err := decode(payload, e); err != nil {
		return err
	}
	return e
}

func clip(payload []byte) []byte { return append([]byte{}, payload[:min(len(payload), 256)]...) }
