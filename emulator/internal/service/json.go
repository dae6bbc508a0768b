package service

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// ErrJSON is returned for bytes that are not one JSON object.
var ErrJSON = errors.New("not a JSON object")

// DecodeObject reads a JSON object and nothing after it. Numbers stay as they were written.
func DecodeObject(text []byte) (map[string]any, error) {
	if !utf8.Valid(text) { // the standard library would replace what is ill-formed
		return nil, ErrJSON
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, ErrJSON
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, ErrJSON
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, ErrJSON
	}
	return m, nil
}

// Encode writes JSON as the service does, without escapes for HTML. Everything that services encode can be encoded, so
// that a failure is a mistake in the program.
func Encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("emulator: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
