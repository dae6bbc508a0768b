package commands

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres/jsonbody"
)

// Status is how an execution stands.
type Status string

// The statuses that a device may answer. All but InProgress are final.
const (
	InProgress Status = "IN_PROGRESS"
	Succeeded  Status = "SUCCEEDED"
	Failed     Status = "FAILED"
	Rejected   Status = "REJECTED"
	TimedOut   Status = "TIMED_OUT"
)

// Reason says why.
type Reason struct {
	Code        string `json:"reasonCode,omitempty"`        // up to 64 of A-Z, 0-9, _ and -
	Description string `json:"reasonDescription,omitempty"` // up to 1,024 characters
}

// Result is what a command brought, by name.
type Result map[string]Value

// Value is a part of a result: make it with [Text], [Bool] or [Bytes].
type Value struct {
	S   *string `json:"s,omitzero"`
	B   *bool   `json:"b,omitzero"`
	Bin []byte  `json:"bin,omitzero"`
}

// Text makes a value of a text.
func Text(s string) Value { return Value{S: &s} }

// Bool makes a value of a truth value.
func Bool(b bool) Value { return Value{B: &b} }

// Bytes makes a value of bytes.
func Bytes(p []byte) Value { return Value{Bin: append([]byte{}, p...)} }

// Update is an answer to a command.
type Update struct {
	Status Status  `json:"status"`
	Reason *Reason `json:"statusReason,omitempty"` // nil: none
	Result Result  `json:"result,omitempty"`
}

// Update answers a command: UpdateCommandExecution of the service. format is [JSON] or [CBOR], and that of the answer, not
// of the command. Answers to the same execution wait for each other. Errors: [ErrNotFound], [ErrTerminal],
// [ErrInvalidRequest] and others of this package, those of package reqres where no acknowledgement came: after a lost
// session the answer may have been taken.
//
// It publishes to $aws/commands/{things|clients}/{id}/executions/{executionId}/response/{format}.
func (c *Client) Update(ctx context.Context, execution string, format Format, u Update) error {
	fail := func(err error) error { return fmt.Errorf("commands: answer to %s: %w", execution, err) }
	if err := checkExecution(execution); err != nil {
		return err
	}
	encode, decode := json.Marshal, json.Unmarshal
	switch format {
	case JSON:
	case CBOR:
		encode, decode = cbor.Marshal, cbor.Unmarshal
	default:
		return fail(fmt.Errorf("%q is no format for answers", format))
	}
	payload, err := encode(u)
	if err != nil {
		return fail(err)
	}
	response := c.prefix + execution + "/response/"
	answer, err := c.r.Do(ctx, reqres.Request{
		Message: mqtt.Publish{Topic: response + string(format), Payload: payload, Static: true},
		Reply:   response + "accepted/" + string(format), Refusal: response + "rejected/" + string(format),
	})
	if err != nil {
		return fail(err)
	}
	var body struct {
		Code        string `json:"error"`
		Message     string `json:"errorMessage"`
		ExecutionID string `json:"executionId"`
	}
	if err := decode(answer.Payload, &body); err != nil {
		return fail(jsonbody.Malformed(answer.Payload, err))
	}
	if answer.Refused {
		return fail(&Error{Code: body.Code, Message: body.Message, ExecutionID: body.ExecutionID})
	}
	return nil
}
