package shadow

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/reqres/jsonbody"
)

// What the service refuses a request for. Test with errors.Is; the [*Error] in the chain has the service's message.
var (
	ErrInvalid             = errors.New("shadow: invalid request")         // 400
	ErrUnauthorized        = errors.New("shadow: unauthorized")            // 401
	ErrForbidden           = errors.New("shadow: forbidden")               // 403
	ErrNotFound            = errors.New("shadow: no such shadow or thing") // 404
	ErrNotAllowed          = errors.New("shadow: method not allowed")      // 405
	ErrVersionConflict     = errors.New("shadow: version conflict")        // 409
	ErrTooLarge            = errors.New("shadow: document too large")      // 413
	ErrUnsupportedEncoding = errors.New("shadow: not UTF-8")               // 415
	ErrThrottled           = errors.New("shadow: too many requests")       // 429
	ErrInternal            = errors.New("shadow: internal failure")        // 500 and above
)

var byCode = map[int]error{400: ErrInvalid, 401: ErrUnauthorized, 403: ErrForbidden, 404: ErrNotFound,
	405: ErrNotAllowed, 409: ErrVersionConflict, 413: ErrTooLarge, 415: ErrUnsupportedEncoding, 429: ErrThrottled}

// Error is the service's refusal of a request.
type Error struct {
	Code        int // as of HTTP
	Message     string
	Timestamp   time.Time // zero where the service gave none
	ClientToken string    // empty where the service could not read the request
	// Unknown are the members this package does not know.
	Unknown map[string]json.RawMessage
}

// Error gives the service's words.
func (e *Error) Error() string { return fmt.Sprintf("the service refused: %s (%d)", e.Message, e.Code) }

// Is compares with the errors of this package.
func (e *Error) Is(target error) bool {
	if e.Code >= 500 {
		return target == ErrInternal
	}
	known := byCode[e.Code]
	return known != nil && target == known
}

// UnmarshalJSON reads what the service sends.
func (e *Error) UnmarshalJSON(b []byte) (err error) {
	*e = Error{}
	e.Unknown, err = jsonbody.Members(b, map[string]any{"code": &e.Code, "message": &e.Message,
		"timestamp": (*jsonbody.Seconds)(&e.Timestamp), "clientToken": &e.ClientToken})
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
