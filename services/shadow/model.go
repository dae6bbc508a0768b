package shadow

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Document is a shadow, or the part of it that an answer is about.
type Document struct {
	State       Sections
	Metadata    Sections // when each value was written: see [Written]
	Version     int64
	Timestamp   time.Time // of the answer, in whole seconds
	ClientToken string    // of the request
	// Unknown are the members this package does not know.
	Unknown map[string]json.RawMessage
}

// Sections are the parts of a document. A section that is absent is nil; one that is null is "null".
type Sections struct {
	Desired  json.RawMessage `json:"desired"`
	Reported json.RawMessage `json:"reported"`
	Delta    json.RawMessage `json:"delta"` // what desired has and reported has not; only of Get
}

// Delta says what desired has and reported has not, over the whole shadow: it comes with every update as long as there
// is such a thing.
type Delta struct {
	State       json.RawMessage
	Metadata    json.RawMessage
	Version     int64
	Timestamp   time.Time
	ClientToken string // of the update that it came with
	Unknown     map[string]json.RawMessage
}

// Documents are the shadow before and after an update. Previous is empty for a new shadow.
type Documents struct {
	Previous, Current Document // State, Metadata and Version
	Timestamp         time.Time
	ClientToken       string // of the update
	Unknown           map[string]json.RawMessage
}

// UnmarshalJSON reads what the service sends.
func (d *Document) UnmarshalJSON(b []byte) error {
	m, err := members(b)
	if err != nil {
		return err
	}
	*d = Document{}
	return m.take(map[string]any{"state": &d.State, "metadata": &d.Metadata, "version": &d.Version,
		"timestamp": (*seconds)(&d.Timestamp), "clientToken": &d.ClientToken}, &d.Unknown)
}

// UnmarshalJSON reads what the service sends.
func (d *Delta) UnmarshalJSON(b []byte) error {
	m, err := members(b)
	if err != nil {
		return err
	}
	*d = Delta{}
	return m.take(map[string]any{"state": &d.State, "metadata": &d.Metadata, "version": &d.Version,
		"timestamp": (*seconds)(&d.Timestamp), "clientToken": &d.ClientToken}, &d.Unknown)
}

// UnmarshalJSON reads what the service sends.
func (d *Documents) UnmarshalJSON(b []byte) error {
	m, err := members(b)
	if err != nil {
		return err
	}
	*d = Documents{}
	return m.take(map[string]any{"previous": &d.Previous, "current": &d.Current,
		"timestamp": (*seconds)(&d.Timestamp), "clientToken": &d.ClientToken}, &d.Unknown)
}

// object is a JSON object that is taken apart.
type object map[string]json.RawMessage

var errNoObject = errors.New("not a JSON object")

func members(b []byte) (object, error) {
	var m object
	if err := json.Unmarshal(b, &m); err != nil || m == nil {
		return nil, errNoObject
	}
	return m, nil
}

// take decodes the members that are known, and leaves the others in unknown.
func (m object) take(known map[string]any, unknown *map[string]json.RawMessage) error {
	for name, to := range known {
		raw, ok := m[name]
		if !ok {
			continue
		}
		delete(m, name)
		if err := json.Unmarshal(raw, to); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if len(m) > 0 {
		*unknown = m
	}
	return nil
}

// seconds is a time as the service writes it.
type seconds time.Time

func (s *seconds) UnmarshalJSON(b []byte) error {
	var n *float64
	if err := json.Unmarshal(b, &n); err != nil || n == nil {
		return err
	}
	if *n < 0 || *n > 1<<40 {
		return fmt.Errorf("%s is no time", b)
	}
	*s = seconds(time.Unix(int64(*n), 0))
	return nil
}

func decode(payload []byte, out any) error {
	if err := json.Unmarshal(payload, out); err != nil {
		return &MalformedError{Payload: clip(payload), Err: err}
	}
	return nil
}

// Written returns when a value of a section was written. metadata is that of the section, path leads to a value that is
// no object.
func Written(metadata json.RawMessage, path ...string) (at time.Time, ok bool) {
	m, err := members(metadata)
	for _, name := range path {
		if err != nil {
			return time.Time{}, false
		}
		m, err = members(m[name])
	}
	if err != nil || m["timestamp"] == nil {
		return time.Time{}, false
	}
	var s seconds
	if json.Unmarshal(m["timestamp"], &s) != nil {
		return time.Time{}, false
	}
	return time.Time(s), true
}
