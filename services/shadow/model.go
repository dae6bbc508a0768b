package shadow

import (
	"encoding/json"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/reqres/jsonbody"
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
func (d *Document) UnmarshalJSON(b []byte) (err error) {
	*d = Document{}
	d.Unknown, err = jsonbody.Members(b, map[string]any{"state": &d.State, "metadata": &d.Metadata, "version": &d.Version,
		"timestamp": (*jsonbody.Seconds)(&d.Timestamp), "clientToken": &d.ClientToken})
	return err
}

// UnmarshalJSON reads what the service sends.
func (d *Delta) UnmarshalJSON(b []byte) (err error) {
	*d = Delta{}
	d.Unknown, err = jsonbody.Members(b, map[string]any{"state": &d.State, "metadata": &d.Metadata, "version": &d.Version,
		"timestamp": (*jsonbody.Seconds)(&d.Timestamp), "clientToken": &d.ClientToken})
	return err
}

// UnmarshalJSON reads what the service sends.
func (d *Documents) UnmarshalJSON(b []byte) (err error) {
	*d = Documents{}
	d.Unknown, err = jsonbody.Members(b, map[string]any{"previous": &d.Previous, "current": &d.Current,
		"timestamp": (*jsonbody.Seconds)(&d.Timestamp), "clientToken": &d.ClientToken})
	return err
}

// Written returns when a value of a section was written. metadata is that of the section, path leads to a value that is
// no object.
func Written(metadata json.RawMessage, path ...string) (at time.Time, ok bool) {
	for _, name := range path {
		m, err := jsonbody.Members(metadata, nil)
		if err != nil {
			return time.Time{}, false
		}
		metadata = m[name]
	}
	var n *json.Number
	_, err := jsonbody.Members(metadata, map[string]any{"timestamp": &n})
	if err != nil || n == nil || (*jsonbody.Seconds)(&at).UnmarshalJSON([]byte(*n)) != nil {
		return time.Time{}, false
	}
	return at, true
}
