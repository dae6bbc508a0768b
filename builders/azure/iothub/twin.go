package iothub

import (
	"context"
	"encoding/json"
	"fmt"
)

// Properties is one side of a twin.
type Properties struct {
	JSON    json.RawMessage // the document, with $version
	Version int64
}

// Decode reads the document into v.
func (p Properties) Decode(v any) error { return json.Unmarshal(p.JSON, v) }

// Twin is the state of a device at the hub.
type Twin struct {
	Desired  Properties // what the cloud wants
	Reported Properties // what the device says
}

// maxReported is the largest patch that the hub takes.
const maxReported = 32 << 10

// Twin reads the twin. A refusal is a [*StatusError]. Where no answer comes the hub is asked again every 20 s, until the
// context ends; one without a deadline has one of 60 s.
func (d *Device) Twin(ctx context.Context) (Twin, error) {
	r, err := d.request(ctx, "twin get", "$iothub/twin/GET/", nil)
	if err != nil {
		return Twin{}, err
	}
	var doc struct{ Desired, Reported json.RawMessage }
	if err := json.Unmarshal(r.payload, &doc); err != nil {
		return Twin{}, fmt.Errorf("iothub: twin get: %w", err)
	}
	var t Twin
	if t.Desired, err = versioned(doc.Desired); err == nil {
		t.Reported, err = versioned(doc.Reported)
	}
	return t, err
}

func versioned(doc json.RawMessage) (Properties, error) {
	var v struct {
		Version int64 `json:"$version"`
	}
	if err := json.Unmarshal(doc, &v); err != nil {
		return Properties{}, fmt.Errorf("iothub: properties: %w", err)
	}
	return Properties{JSON: doc, Version: v.Version}, nil
}

// Report changes the reported properties by a JSON merge patch of at most 32 KiB: null removes a property. It returns the
// new version. A refusal is a [*StatusError]. A context without a deadline has one of 60 s; a longer one waits for a
// connection, and then for 60 s for the answer: [ErrNoAnswer].
func (d *Device) Report(ctx context.Context, patch any) (version int64, err error) {
	payload, err := json.Marshal(patch)
	if err != nil {
		return 0, fmt.Errorf("iothub: twin report: %w", err)
	}
	if len(payload) > maxReported {
		return 0, fmt.Errorf("iothub: twin report: the patch has %d bytes, the hub takes %d", len(payload), maxReported)
	}
	r, err := d.request(ctx, "twin report", "$iothub/twin/PATCH/properties/reported/", payload)
	return r.version, err
}
