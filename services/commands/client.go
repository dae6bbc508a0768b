package commands

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
)

// Kind says what the identifier of a device is.
type Kind string

// The kinds of device.
const (
	Things  Kind = "things"  // the name of a thing
	Clients Kind = "clients" // the MQTT client identifier of a device that is no thing
)

// Client is for the commands of one device. Its methods may be called from any goroutine.
type Client struct {
	r      *reqres.Client
	kind   Kind
	id     string
	prefix string
}

// New returns a client for the commands of a device. An identifier has 1 to 128 characters, none of /, + and #.
func New(r *reqres.Client, kind Kind, id string) (*Client, error) {
	if kind != Things && kind != Clients {
		return nil, fmt.Errorf("commands: %q is no kind of device", kind)
	}
	if id == "" || len(id) > 128 || strings.ContainsAny(id, "/+#\x00") {
		return nil, fmt.Errorf("commands: %q cannot be the identifier of a device", id)
	}
	return &Client{r: r, kind: kind, id: id, prefix: "$aws/commands/" + string(kind) + "/" + id + "/executions/"}, nil
}

// Format is how a payload is written.
type Format string

// The formats that have topics of their own.
const (
	JSON  Format = "json"
	CBOR  Format = "cbor"
	Other Format = "" // as the content type says
)

// Execution is a command for this device.
type Execution struct {
	ID      string
	Payload []byte // as the command's author wrote it
	Format  Format
	// ContentType is the media type, where the command has one. MQTT 5 only.
	ContentType string
	// Timeout is how long the service waits for the answer, from when the command was sent; 0: not known. MQTT 5 only.
	Timeout time.Duration
	// Duplicate says that the command may have come before.
	Duplicate bool
}

// Executions calls f for each command whose payload is in a format, one at a time: the CommandExecutionsJsonPayload,
// CommandExecutionsCborPayload and CommandExecutionsGenericPayload streams of the service. The same execution may come
// twice.
//
// The stream returns when it is established, and lives until it is closed. It subscribes to
// $aws/commands/{things|clients}/{id}/executions/+/request[/{format}]. Errors are those of [reqres.Client.OpenStream].
func (c *Client) Executions(ctx context.Context, format Format, f func(*Execution), optFns ...func(*StreamOptions)) (*reqres.Stream, error) {
	var o StreamOptions
	for _, fn := range optFns {
		fn(&o)
	}
	suffix := "/request"
	if format != Other {
		suffix += "/" + string(format)
	}
	s, err := c.r.OpenStream(ctx, reqres.StreamOptions{Filter: c.prefix + "+" + suffix, Event: o.Event, NoWait: o.NoWait, Handler: func(m mqtt.Message) {
		id := strings.TrimSuffix(strings.TrimPrefix(m.Topic, c.prefix), suffix)
		if checkExecution(id) != nil {
			return // no answer could name it
		}
		f(&Execution{ID: id, Payload: m.Payload, Format: format, ContentType: m.ContentType, Timeout: m.Expiry, Duplicate: m.Duplicate})
	}})
	if err != nil {
		return nil, fmt.Errorf("commands: %s for %s: %w", suffix[1:], c.id, err)
	}
	return s, nil
}

// StreamOptions are for [Client.Executions].
type StreamOptions struct {
	// Event is told when the stream is established, lost and halted. After a loss, commands may have been missed.
	Event func(reqres.StreamEvent)
	// NoWait makes Executions return at once: see [reqres.StreamOptions].
	NoWait bool
}

func checkExecution(id string) error {
	if id == "" || len(id) > 64 || strings.ContainsFunc(id, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	}) {
		return fmt.Errorf("commands: %q cannot be the identifier of an execution", id)
	}
	return nil
}
