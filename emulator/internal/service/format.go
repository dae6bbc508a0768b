package service

import (
	"errors"
	"reflect"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// Format is how the payload of a topic is written: the topic's last level says so.
type Format string

// The formats. A topic that names none is JSON.
const (
	JSON Format = "json"
	CBOR Format = "cbor"
)

// CutFormat splits the format off the end of a topic. named is false where there is none.
func CutFormat(topic string) (rest string, f Format, named bool) {
	for _, f := range [...]Format{JSON, CBOR} {
		if rest, ok := strings.CutSuffix(topic, "/"+string(f)); ok {
			return rest, f, true
		}
	}
	return topic, JSON, false
}

var mapType = reflect.TypeFor[map[string]any]()

var (
	reader, _ = cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthAllowed, MaxNestedLevels: 16,
		MaxArrayElements: 1000, MaxMapPairs: 1000, UTF8: cbor.UTF8RejectInvalid, DefaultMapType: mapType,
	}.DecMode()
	writer, _ = cbor.CoreDetEncOptions().EncMode()
)

// ErrCBOR is returned for bytes that are not one CBOR map with text for keys.
var ErrCBOR = errors.New("not a CBOR map")

// Decode reads an object: JSON, or a CBOR map with text for keys.
func (f Format) Decode(payload []byte) (map[string]any, error) {
	if f == JSON {
		return DecodeObject(payload)
	}
	var m map[string]any
	if err := reader.Unmarshal(payload, &m); err != nil || m == nil {
		return nil, ErrCBOR
	}
	return m, nil
}

// Encode writes what can be written as JSON in the format.
func (f Format) Encode(v any) []byte {
	if f == JSON {
		return Encode(v)
	}
	b, err := writer.Marshal(v)
	if err != nil {
		panic("emulator: " + err.Error())
	}
	return b
}
