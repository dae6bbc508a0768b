package iothub

import (
	"context"
	"errors"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// Message is a cloud-to-device message, or the input of a module.
type Message struct {
	Payload    []byte
	Properties []Property
	// System are the hub's properties by their short names: mid, cid, uid, to, ct, ce, exp, ctime, on.
	System map[string]string
	Input  string // of a module; empty for a device
	// Bad says that the properties could not be read.
	Bad error
}

// ID is the identifier that the sender gave the message.
func (m Message) ID() string { return m.System["mid"] }

// Messages subscribes to messages for the device, or for the inputs of the module. They are acknowledged when the handler
// returns; the hub keeps up to 50 of them for a device that is away.
func (d *Device) Messages(ctx context.Context, handle func(Message)) (*mqtt.Subscription, error) {
	if handle == nil {
		return nil, errors.New("iothub: messages: no handler")
	}
	prefix, filter := "devices/"+d.name.ID+"/messages/devicebound/", ""
	if d.name.Module != "" {
		prefix = "devices/" + d.name.ID + "/modules/" + d.name.Module + "/inputs/"
		filter = strings.TrimSuffix(prefix, "inputs/") + "#"
	} else {
		filter = prefix + "#"
	}
	return d.client.SubscribeFunc(ctx, func(m mqtt.Message) {
		bag, ok := strings.CutPrefix(m.Topic, prefix)
		if !ok {
			return // of another kind: a module has one filter for all
		}
		out := Message{Payload: m.Payload}
		if d.name.Module != "" {
			out.Input, bag, _ = strings.Cut(bag, "/")
		}
		out.System, out.Properties, out.Bad = decode(bag)
		handle(out)
	}, mqtt.Filter{Filter: filter, QoS: 1})
}
