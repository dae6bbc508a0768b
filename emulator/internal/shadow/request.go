package shadow

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// update is an update request that was found well-formed.
type update struct {
	token    *string // nil for none
	version  int64   // 0 for none
	sections map[string]any
}

// The sections of a state document.
const (
	desired  = "desired"
	reported = "reported"
)

var sectionNames = [...]string{desired, reported}

// maxToken is the longest client token, in bytes.
const maxToken = 64

// parseUpdate checks an update request. Members it does not know are ignored, as the service does: AWS' own Java client
// sends some.
func (s *Service) parseUpdate(payload []byte) (u update, e *Error) {
	root, e := decode(payload)
	if e != nil {
		return u, e
	}
	u.token, _ = tokenOf(root) // the refusals that follow carry it too
	state, there := root["state"]
	if !there {
		return u, bad("Missing required node: state")
	}
	if state == nil {
		state = map[string]any{} // changes nothing, and deletes nothing
	}
	var ok bool
	if u.sections, ok = state.(map[string]any); !ok {
		return u, bad("State node must be an object")
	}
	for i, title := range [...]string{"Desired", "Reported"} {
		v, there := u.sections[sectionNames[i]]
		if _, ok := v.(map[string]any); there && v != nil && !ok {
			return u, bad(title + " node must be an object")
		}
	}
	if _, e := tokenOf(root); e != nil {
		return u, e
	}
	if u.version, e = versionOf(root); e != nil {
		return u, e
	}
	return u, s.checkNodes(u.sections)
}

// checkNodes refuses what cannot be stored.
func (s *Service) checkNodes(sections map[string]any) *Error {
	for _, name := range sectionNames {
		if levels(sections[name]) > s.limits.Depth {
			return bad(fmt.Sprintf("JSON contains too many levels of nesting; maximum is %d", s.limits.Depth))
		}
		if nullInArray(sections[name], false) {
			return bad("State contains an invalid node")
		}
	}
	return nil
}

// parsePlain checks a get or delete request, whose payload may be empty.
func parsePlain(payload []byte) (token *string, e *Error) {
	if len(payload) == 0 {
		return nil, nil
	}
	root, e := decode(payload)
	if e != nil {
		return nil, e
	}
	return tokenOf(root)
}

func decode(payload []byte) (map[string]any, *Error) {
	if !utf8.Valid(payload) {
		return nil, errEncoding
	}
	root, err := service.DecodeObject(payload)
	if err != nil {
		return nil, errJSON
	}
	return root, nil
}

func tokenOf(root map[string]any) (*string, *Error) {
	v, there := root["clientToken"]
	if !there {
		return nil, nil
	}
	token, ok := v.(string)
	if !ok || len(token) > maxToken {
		return nil, bad("Invalid clientToken")
	}
	return &token, nil
}

func versionOf(root map[string]any) (int64, *Error) {
	v, there := root["version"]
	if !there {
		return 0, nil
	}
	n, ok := v.(json.Number)
	if !ok {
		return 0, bad("Invalid version")
	}
	version, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil || version <= 0 {
		return 0, bad("Invalid version")
	}
	return version, nil
}

// levels counts how deep members are nested: 1 for an object of plain values, 0 for plain values and what is empty.
func levels(v any) int {
	deepest := -1
	switch v := v.(type) {
	case map[string]any:
		for _, m := range v {
			deepest = max(deepest, levels(m))
		}
	case []any:
		for _, m := range v {
			deepest = max(deepest, levels(m))
		}
	}
	return deepest + 1
}

// nullInArray looks for what merging could not give a meaning: null removes a member, and arrays have none.
func nullInArray(v any, inside bool) bool {
	switch v := v.(type) {
	case nil:
		return inside
	case map[string]any:
		for _, m := range v {
			if nullInArray(m, inside) {
				return true
			}
		}
	case []any:
		for _, m := range v {
			if nullInArray(m, true) {
				return true
			}
		}
	}
	return false
}
