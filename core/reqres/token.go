package reqres

import (
	"crypto/rand"
	"encoding/json"
)

// NewToken returns a token that no other request has: 26 characters, of which 130 bits are random.
func NewToken() string { return rand.Text() }

// token returns the text member of a JSON object, empty where it has none. An error says that payload is no object.
func token(payload []byte, field string) (string, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(payload, &object); err != nil || object == nil {
		return "", ErrNoJSON
	}
	var text string
	if json.Unmarshal(object[field], &text) != nil {
		return "", nil // absent, or not a text: it is not ours
	}
	return text, nil
}
