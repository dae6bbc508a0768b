package defender

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres/jsonbody"
)

// ErrInvalid says that the service found something wrong with a report. Test with errors.Is.
var ErrInvalid = errors.New("defender: invalid report")

// Error is the service's refusal of a report.
type Error struct {
	Code      string // as the service names it, such as InvalidPayload
	Message   string
	Timestamp time.Time
}

// Error gives the service's words.
func (e *Error) Error() string { return fmt.Sprintf("the service refused: %s (%s)", e.Message, e.Code) }

// Is compares with [ErrInvalid].
func (e *Error) Is(target error) bool { return target == ErrInvalid && e.Code == "InvalidPayload" }

// MalformedError says that the service sent what this package cannot read.
type MalformedError = jsonbody.MalformedError

// Client reports for one thing. Its methods may be called from any goroutine.
type Client struct {
	r     *reqres.Client
	thing string
}

// New returns a client for a thing. Its name has 1 to 128 characters of a-z, A-Z, 0-9, :, _ and -.
func New(r *reqres.Client, thing string) (*Client, error) {
	if thing == "" || len(thing) > 128 || strings.ContainsFunc(thing, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(":_-", c)
	}) {
		return nil, fmt.Errorf("defender: %q cannot be the name of a thing", thing)
	}
	return &Client{r, thing}, nil
}

// Thing returns the name of the thing.
func (c *Client) Thing() string { return c.thing }

// Send reports metrics, and waits until the service has accepted them. Reports wait for each other. Errors: [ErrInvalid], an
// [*Error] with another code, those of package reqres where no answer came: then the report may have been taken.
//
// It publishes to $aws/things/{thing}/defender/metrics/json.
func (c *Client) Send(ctx context.Context, r Report) error {
	fail := func(err error) error { return fmt.Errorf("defender: report of %s: %w", c.thing, err) }
	m, err := r.message()
	if err != nil {
		return fail(err)
	}
	payload, err := json.Marshal(m)
	if err != nil {
		return fail(err)
	}
	topic := "$aws/things/" + c.thing + "/defender/metrics/json"
	answer, err := c.r.Do(ctx, reqres.Request{
		Message: mqtt.Publish{Topic: topic, Payload: payload, Static: true},
		Reply:   topic + "/accepted", Refusal: topic + "/rejected",
	})
	if err != nil {
		return fail(err)
	}
	var body struct {
		Details struct{ ErrorCode, ErrorMessage string } `json:"statusDetails"`
		Millis  int64                                    `json:"timestamp"` // here alone
	}
	if err := jsonbody.Decode(answer.Payload, &body); err != nil {
		return fail(err)
	}
	if answer.Refused {
		return fail(&Error{body.Details.ErrorCode, body.Details.ErrorMessage, time.UnixMilli(body.Millis)})
	}
	return nil
}
