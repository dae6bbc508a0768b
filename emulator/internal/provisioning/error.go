package provisioning

import (
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// Error is a refusal: the fields of a rejected message.
type Error struct {
	StatusCode int    `json:"statusCode"`
	Code       string `json:"errorCode"`
	Message    string `json:"errorMessage"`
}

func (e *Error) Error() string {
	return fmt.Sprintf("provisioning: %d %s: %s", e.StatusCode, e.Code, e.Message)
}

// Public returns the error of the public API.
func (e *Error) Public() *iotcore.Error {
	return &iotcore.Error{Service: "provisioning", Code: e.Code, Message: e.Message}
}

func fail(status int, code, format string, args ...any) *Error {
	return &Error{status, code, fmt.Sprintf(format, args...)}
}

// The error codes. The service documents none; these are the words that its clients have been seen to get, or close.
const (
	invalidPayload   = "InvalidPayload"
	invalidParameter = "InvalidParameter"
	invalidToken     = "InvalidCertificateOwnershipToken"
	accessDenied     = "AccessDenied"
	notFound         = "ResourceNotFound"
	alreadyExists    = "ResourceAlreadyExists"
	conflict         = "ResourceConflict"
	internalFailure  = "InternalFailure"
	throttling       = "Throttling"
)
