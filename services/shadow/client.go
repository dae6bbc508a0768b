package shadow

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres/jsonbody"
)

// Options are for [New].
type Options struct {
	// Name is that of a named shadow, 1 to 64 characters of a-z, A-Z, 0-9, :, _ and -. Empty: the classic shadow.
	Name string
}

// Named chooses a named shadow.
func Named(name string) func(*Options) { return func(o *Options) { o.Name = name } }

// Client is for one shadow of one thing. Its methods may be called from any goroutine.
type Client struct {
	r      *reqres.Client
	thing  string
	name   string
	prefix string
}

// New returns a client for the shadow of a thing. The thing's name has 1 to 128 characters of a-z, A-Z, 0-9, :, _
// and -.
func New(r *reqres.Client, thing string, optFns ...func(*Options)) (*Client, error) {
	var o Options
	for _, f := range optFns {
		f(&o)
	}
	c := &Client{r: r, thing: thing, name: o.Name, prefix: "$aws/things/" + thing + "/shadow/"}
	if !validName(thing, 128) {
		return nil, fmt.Errorf("shadow: %q cannot be the name of a thing", thing)
	}
	if o.Name != "" {
		if !validName(o.Name, 64) {
			return nil, fmt.Errorf("shadow: %q cannot be the name of a shadow", o.Name)
		}
		c.prefix += "name/" + o.Name + "/"
	}
	return c, nil
}

// Thing returns the name of the thing.
func (c *Client) Thing() string { return c.thing }

// Name returns the name of the shadow, empty for the classic one.
func (c *Client) Name() string { return c.name }

// String names thing and shadow.
func (c *Client) String() string {
	if c.name == "" {
		return c.thing
	}
	return c.thing + "/" + c.name
}

func validName(s string, longest int) bool {
	return s != "" && len(s) <= longest && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != ':' && r != '_' && r != '-'
	})
}

// do makes a request and decodes what was accepted into out.
func (c *Client) do(ctx context.Context, operation string, filters []string, request map[string]any, repeat bool, out any) error {
	topic := c.prefix + operation
	token, _ := request["clientToken"].(string)
	if token == "" {
		token = reqres.NewToken()
		request["clientToken"] = token
	}
	fail := func(err error) error { return fmt.Errorf("shadow: %s %s: %w", operation, c, err) }
	payload, err := json.Marshal(request)
	if err != nil {
		return fail(err)
	}
	answer, err := c.r.Do(ctx, reqres.Request{
		Message: mqtt.Publish{Topic: topic, Payload: payload, Static: true},
		Reply:   topic + "/accepted", Refusal: topic + "/rejected", Filters: filters,
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
