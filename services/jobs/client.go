package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres/jsonbody"
)

// Client is for the jobs of one thing. Its methods may be called from any goroutine.
type Client struct {
	r      *reqres.Client
	thing  string
	prefix string
}

// New returns a client for the jobs of a thing. The thing's name has 1 to 128 characters of a-z, A-Z, 0-9, :, _ and -.
func New(r *reqres.Client, thing string) (*Client, error) {
	if !validName(thing, 128, ":_-") {
		return nil, fmt.Errorf("jobs: %q cannot be the name of a thing", thing)
	}
	return &Client{r: r, thing: thing, prefix: "$aws/things/" + thing + "/jobs/"}, nil
}

// Thing returns the name of the thing.
func (c *Client) Thing() string { return c.thing }

func validName(s string, longest int, signs string) bool {
	return s != "" && len(s) <= longest && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(signs, r)
	})
}

// do makes a request on jobs/{operation} and decodes what was accepted into out. The service answers the one who asks,
// on topics of which one filter matches all.
func (c *Client) do(ctx context.Context, operation string, request map[string]any, repeat bool, out any) error {
	fail := func(err error) error { return fmt.Errorf("jobs: %s of %s: %w", operation, c.thing, err) }
	token := reqres.NewToken()
	request["clientToken"] = token
	payload, err := json.Marshal(request)
	if err != nil {
		return fail(err)
	}
	topic := c.prefix + operation
	answer, err := c.r.Do(ctx, reqres.Request{
		Message: mqtt.Publish{Topic: topic, Payload: payload, Static: true},
		Reply:   topic + "/accepted", Refusal: topic + "/rejected", Filters: []string{topic + "/+"},
		Match: reqres.ByToken, Token: token, Repeat: repeat,
	})
	if err != nil {
		return fail(err)
	}
	if answer.Refused {
		return fail(refusal(answer.Payload))
	}
	if err := jsonbody.Decode(answer.Payload, out); err != nil {
		return fail(err)
	}
	return nil
}

// checkJob reports what is wrong with the identifier of a job.
func checkJob(id string) error {
	if !validName(id, 64, "_-") {
		return fmt.Errorf("jobs: %q cannot be the identifier of a job", id)
	}
	return nil
}
