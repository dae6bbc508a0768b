package shadow

import (
	"fmt"
	"strconv"

	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// Error is a refusal: the code and the text of a rejected message.
type Error struct {
	Code    int
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("shadow: %d %s", e.Code, e.Message) }

// Public returns the error of the public API.
func (e *Error) Public() *iotcore.Error {
	return &iotcore.Error{Service: "shadow", Code: strconv.Itoa(e.Code), Message: e.Message}
}

func bad(text string) *Error { return &Error{400, text} }

func missing(thing, name string) *Error {
	if name == "" {
		name = thing
	}
	return &Error{404, fmt.Sprintf("No shadow exists with name: '%s'", name)}
}

// The texts of the service, as far as they are known.
var (
	errJSON     = bad("Invalid JSON")
	errEncoding = &Error{415, "Unsupported documented encoding; supported encoding is UTF-8"}
	errConflict = &Error{409, "Version conflict"}
	errTooLarge = &Error{413, "The payload exceeds the maximum size allowed"}
	errNoThing  = &Error{404, "Thing not found"}
	errTooMany  = &Error{429, "Too many requests"}
)
