package provisioning

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
)

// Format is how requests and answers are written.
type Format string

// The formats of the service. CBOR is shorter.
const (
	JSON Format = "json"
	CBOR Format = "cbor"
)

// Client has the operations of the service. Its methods may be called from any goroutine; the same operation is made once
// at a time.
type Client struct {
	r      *reqres.Client
	format Format
}

// New returns a client. The MQTT client below r is connected with the claim.
func New(r *reqres.Client, format Format) (*Client, error) {
	if format != JSON && format != CBOR {
		return nil, fmt.Errorf("provisioning: %q is no format", format)
	}
	return &Client{r, format}, nil
}

// do makes a request and decodes what was accepted into out.
func (c *Client) do(ctx context.Context, what, topic string, request, out any) error {
	fail := func(err error) error { return fmt.Errorf("provisioning: %s: %w", what, err) }
	encode, decode := json.Marshal, json.Unmarshal
	if c.format == CBOR {
		encode, decode = cbor.Marshal, cbor.Unmarshal
	}
	payload, err := encode(request)
	if err != nil {
		return fail(err)
	}
	topic += "/" + string(c.format)
	answer, err := c.r.Do(ctx, reqres.Request{
		Message: mqtt.Publish{Topic: topic, Payload: payload, Static: true},
		Reply:   topic + "/accepted", Refusal: topic + "/rejected",
	})
	if err != nil {
		return fail(err)
	}
	malformed := func(err error) error { // without the payload: there may be a private key in it
		return fail(&MalformedError{Topic: answer.Topic, Err: err})
	}
	if answer.Refused {
		e := new(Error)
		if err := decode(answer.Payload, e); err != nil {
			return malformed(err)
		}
		return fail(e)
	}
	if err := decode(answer.Payload, out); err != nil {
		return malformed(err)
	}
	return nil
}
