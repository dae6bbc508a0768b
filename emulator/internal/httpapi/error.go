package httpapi

import (
	"errors"
	"net/http"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/commands"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/jobs"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/provisioning"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/shadow"
)

// problem is an error in the form that the AWS SDKs read: the kind in a header, words in the body. A code in the body,
// which the service's messages have, would confuse aws-sdk-go-v2.
type problem struct {
	status  int
	kind    string
	message string
}

func (p *problem) Error() string { return p.kind + ": " + p.message }

var forbidden = &problem{403, "ForbiddenException", "Forbidden"}

func writeError(w http.ResponseWriter, err error) {
	p := problemOf(err)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", p.kind)
	w.WriteHeader(p.status)
	_, _ = w.Write(service.Encode(object{"message": p.message})) // the client is gone otherwise
}

// problemOf finds the kind of exception for an error of any service.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if e, ok := errors.AsType[*shadow.Error](err); ok {
		return &problem{e.Code, shadowKinds[e.Code], e.Message}
	}
	if e, ok := errors.AsType[*jobs.Error](err); ok {
		k := codeKinds[e.Code]
		return &problem{k.status, k.kind, e.Message}
	}
	if e, ok := errors.AsType[*commands.Error](err); ok {
		k := codeKinds[e.Code]
		return &problem{k.status, k.kind, e.Message}
	}
	if e, ok := errors.AsType[*provisioning.Error](err); ok {
		return &problem{e.StatusCode, provisioningKinds[e.StatusCode], e.Message}
	}
	if e, ok := errors.AsType[*service.Refusal](err); ok {
		return refusal(e)
	}
	switch {
	case errors.Is(err, account.ErrNotFound):
		return &problem{404, "ResourceNotFoundException", err.Error()}
	case errors.Is(err, account.ErrExists):
		return &problem{409, "ResourceAlreadyExistsException", err.Error()}
	case errors.Is(err, account.ErrLimit):
		return &problem{410, "LimitExceededException", err.Error()}
	case errors.Is(err, account.ErrInvalid):
		return &problem{400, "InvalidRequestException", err.Error()}
	}
	return &problem{500, "InternalFailureException", "Internal failure"}
}

var shadowKinds = map[int]string{
	400: "InvalidRequestException", 401: "UnauthorizedException", 403: "ForbiddenException", 404: "ResourceNotFoundException",
	409: "ConflictException", 413: "RequestEntityTooLargeException", 415: "UnsupportedDocumentEncodingException",
	429: "ThrottlingException", 500: "InternalFailureException",
}

var provisioningKinds = map[int]string{
	400: "InvalidRequestException", 404: "ResourceNotFoundException", 409: "ResourceAlreadyExistsException",
	429: "ThrottlingException", 500: "InternalFailureException",
}

// codeKinds has the codes of jobs and commands.
var codeKinds = map[string]struct {
	status int
	kind   string
}{
	jobs.InvalidTopic:           {400, "InvalidRequestException"},
	jobs.InvalidJSON:            {400, "InvalidRequestException"},
	jobs.InvalidRequest:         {400, "InvalidRequestException"},
	jobs.InvalidStateTransition: {409, "InvalidStateTransitionException"},
	jobs.ResourceNotFound:       {404, "ResourceNotFoundException"},
	jobs.VersionMismatch:        {409, "ConflictException"},
	jobs.TerminalStateReached:   {410, "TerminalStateException"},
	jobs.AlreadyExists:          {409, "ResourceAlreadyExistsException"},
	jobs.LimitExceeded:          {410, "LimitExceededException"},
	jobs.RequestThrottled:       {429, "ThrottlingException"},
	jobs.InternalError:          {500, "InternalServerException"},
}

// refusal is a message that was not accepted.
func refusal(e *service.Refusal) *problem {
	switch e.Code {
	case packet.NotAuthorized:
		return forbidden
	case packet.QuotaExceeded:
		return &problem{http.StatusTooManyRequests, "ThrottlingException", e.Error()}
	}
	return invalid("%v", e)
}
