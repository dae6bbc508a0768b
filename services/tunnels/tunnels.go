// Package tunnels is told when somebody opens an AWS IoT secure tunnel to a device, such as for SSH to a device behind a
// router.
//
//	requests := reqres.New(client)
//	stream, err := tunnels.Listen(ctx, requests, "lamp-7", func(n *tunnels.Notification) {
//		connect(n.Region, n.Token, n.Services)
//	})
//
// What passes through the tunnel is not the business of MQTT: hand the token to a program that connects, such as AWS'
// local proxy in destination mode. The rules are those of the [developer guide].
//
// [developer guide]: https://docs.aws.amazon.com/iot/latest/developerguide/secure-tunneling.html
package tunnels

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres/jsonbody"
)

// The modes of clients.
const (
	Source      = "source"
	Destination = "destination"
)

// Notification says that a tunnel was opened.
type Notification struct {
	Token    string   // lets the device connect, once; as secret as a key
	Mode     string   // what the device is in the tunnel: Destination, as a rule
	Region   string   // of the service, such as eu-west-1
	Services []string // what is asked for, such as SSH
	// Unknown are the members this package does not know.
	Unknown map[string]json.RawMessage
}

// UnmarshalJSON reads what the service sends.
func (n *Notification) UnmarshalJSON(b []byte) (err error) {
	*n = Notification{}
	n.Unknown, err = jsonbody.Members(b, map[string]any{"clientAccessToken": &n.Token, "clientMode": &n.Mode,
		"region": &n.Region, "services": &n.Services})
	if err == nil && n.Token == "" {
		err = errors.New("no clientAccessToken")
	}
	return err
}

// String names the region and what is asked for, and no secret.
func (n Notification) String() string {
	return fmt.Sprintf("tunnels.Notification{Mode: %q, Region: %q, Services: %q}", n.Mode, n.Region, n.Services)
}

// Format is String for every verb.
func (n Notification) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, n.String()) }

// MalformedError says that the service sent what this package cannot read. It has nothing of the message, in which there may
// be a token.
type MalformedError = jsonbody.MalformedError

// StreamOptions are for [Listen].
type StreamOptions struct {
	// Event is told when the stream is established, lost and halted. After a loss, notifications may have been missed.
	Event func(reqres.StreamEvent)
	// Malformed is told of messages that cannot be read. nil: they are dropped.
	Malformed func(*MalformedError)
}

// Listen calls f for each tunnel that is opened to a thing, one at a time. The same notification may come twice; the token
// is good for one connection. The thing's name has 1 to 128 characters of a-z, A-Z, 0-9, :, _ and -.
//
// It returns when the stream is established, which lives until it is closed. It subscribes to
// $aws/things/{thing}/tunnels/notify. Errors are those of [reqres.Client.OpenStream].
func Listen(ctx context.Context, r *reqres.Client, thing string, f func(*Notification), optFns ...func(*StreamOptions)) (*reqres.Stream, error) {
	if thing == "" || len(thing) > 128 || strings.ContainsFunc(thing, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(":_-", c)
	}) {
		return nil, fmt.Errorf("tunnels: %q cannot be the name of a thing", thing)
	}
	var o StreamOptions
	for _, fn := range optFns {
		fn(&o)
	}
	s, err := jsonbody.OpenStream(ctx, r, "$aws/things/"+thing+"/tunnels/notify", f, jsonbody.StreamOptions{Event: o.Event,
		Malformed: func(err *MalformedError) {
			if o.Malformed != nil {
				o.Malformed(&MalformedError{Err: err.Err})
			}
		}})
	if err != nil {
		return nil, fmt.Errorf("tunnels: notifications for %s: %w", thing, err)
	}
	return s, nil
}
