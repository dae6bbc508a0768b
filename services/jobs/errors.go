package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/reqres/jsonbody"
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
	// Unknown are the members this package does not know.
	Unknown map[string]json.RawMessage `json:"-"`
}

// Error gives the service's words.
func (e *Error) Error() string { return fmt.Sprintf("the service refused: %s (%s)", e.Message, e.Code) }

// Is compares with the errors of this package.
func (e *Error) Is(target error) bool {
	known := byCode[e.Code]
	return known != nil && target == known
}

// UnmarshalJSON reads what the service sends.
func (e *Error) UnmarshalJSON(b []byte) (err error) {
	*e = Error{}
	e.Unknown, err = jsonbody.Members(b, map[string]any{"code": &e.Code, "message": &e.Message, "executionState": &e.State,
		"clientToken": &e.ClientToken, "timestamp": (*jsonbody.Seconds)(&e.Timestamp)})
	return err
}

// MalformedError says that the service sent what this package cannot read.
type MalformedError = jsonbody.MalformedError

// refusal reads the answer of a refused request.
func refusal(payload []byte) error {
	e := new(Error)
	if err := jsonbody.Decode(payload, e); err != nil {
		return err
	}
	return e
}
