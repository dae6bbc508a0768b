package shadow

import "maps"

// merge applies a section of an update to a section of the document, and keeps the metadata of every member beside it.
// It changes neither of its arguments: an update that turns out too large has happened to nobody.
//
// null removes a member, an object is merged into an object, everything else replaces what was there, arrays as a whole.
// An object that removals leave empty goes with its last member, unless keepEmpty asks for RFC 7396 to the letter.
func merge(state, meta, patch map[string]any, now int64, keepEmpty bool) (newState, newMeta map[string]any) {
	newState, newMeta = clone(state), clone(meta)
	for key, v := range patch {
		switch v := v.(type) {
		case nil:
			delete(newState, key)
			delete(newMeta, key)
		case map[string]any:
			oldState, _ := newState[key].(map[string]any)
			var oldMeta map[string]any
			if oldState != nil {
				oldMeta, _ = newMeta[key].(map[string]any)
			}
			s, m := merge(oldState, oldMeta, v, now, keepEmpty)
			if len(s) == 0 && len(v) > 0 && !keepEmpty {
				delete(newState, key)
				delete(newMeta, key)
				continue
			}
			newState[key], newMeta[key] = s, m
		default:
			newState[key], newMeta[key] = v, stamps(v, now)
		}
	}
	return newState, newMeta
}

func clone(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return maps.Clone(m)
}

// stamps is the metadata of a value that was written now: a timestamp for each plain value in it.
func stamps(v any, now int64) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, e := range v {
			if e != nil {
				m[key] = stamps(e, now)
			}
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = stamps(e, now)
		}
		return list
	}
	return map[string]any{"timestamp": now}
}
