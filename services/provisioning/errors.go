package provisioning

import (
	"errors"
	"fmt"
	"strings"
)

// What the service refuses a request for. Test with errors.Is; the [*Error] in the chain has the service's message.
var (
	ErrInvalid       = errors.New("provisioning: invalid request")         // 400
	ErrNotAuthorized = errors.New("provisioning: not authorized")          // 401, 403; the hook of the template too
	ErrNotFound      = errors.New("provisioning: no such template")        // 404
	ErrConflict      = errors.New("provisioning: conflict")                // 409
	ErrThrottled     = errors.New("provisioning: too many requests")       // 429
	ErrInternal      = errors.New("provisioning: internal failure")        // 500 and above
	ErrInvalidToken  = errors.New("provisioning: ownership token is void") // expired, used or unknown
)

// Error is the service's refusal of a request.
type Error struct {
	StatusCode int    `json:"statusCode"` // as of HTTP
	Code       string `json:"errorCode"`
	Message    string `json:"errorMessage"`
}

// Error gives the service's words.
func (e *Error) Error() string {
	return fmt.Sprintf("the service refused: %s (%d %s)", e.Message, e.StatusCode, e.Code)
}

// Is compares with the errors of this package. The codes of the service are documented nowhere: what says that the token
// is void is told by its name.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrInvalidToken:
		return e.StatusCode < 500 && e.StatusCode != 429 && strings.Contains(strings.ToLower(e.Code+e.Message), "ownershiptoken") ||
			e.StatusCode < 500 && strings.Contains(strings.ToLower(e.Message), "ownership token")
	case ErrInvalid:
		return e.StatusCode == 400
	case ErrNotAuthorized:
		return e.StatusCode == 401 || e.StatusCode == 403
	case ErrNotFound:
		return e.StatusCode == 404
	case ErrConflict:
		return e.StatusCode == 409
	case ErrThrottled:
		return e.StatusCode == 429
	case ErrInternal:
		return e.StatusCode >= 500
	}
	return false
}

// MalformedError says that the service sent what this package cannot read or must not trust.
type MalformedError struct {
	Topic string
	Err   error
}

// Error names the topic; the message may have held a key.
func (e *MalformedError) Error() string {
	return fmt.Sprintf("the service sent something unusable on %s: %v", e.Topic, e.Err)
}

// Unwrap returns what is wrong with it.
func (e *MalformedError) Unwrap() error { return e.Err }
