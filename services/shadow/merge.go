package shadow

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strings"
)

// Values of a document are compared and merged as trees: map[string]any, []any, json.Number, string, bool. Null is the
// absence of a key, and so is an object without keys: the service need not keep either.

// tree reads a section. Absent and null are an empty object.
func tree(raw json.RawMessage) (map[string]any, error) {
	if len(raw) == 0 {
		return map[string]any{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return nil, err
	}
	if m == nil {
		return map[string]any{}, nil
	}
	prune(m)
	return m, nil
}

// treeOf is the tree of a Go value, which has to become an object.
func treeOf(v any) (map[string]any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return tree(raw)
}

// prune removes nulls and empty objects. Within arrays they stay: an array is a value as a whole.
func prune(m map[string]any) {
	for k, v := range m {
		if o, ok := v.(map[string]any); ok {
			if prune(o); len(o) > 0 {
				continue
			}
			v = nil
		}
		if v == nil {
			delete(m, k)
		}
	}
}

// merge applies a patch as the service does: null removes, objects are merged, anything else replaces. It shares what it
// does not change with both.
func merge(m, patch map[string]any) map[string]any {
	out := make(map[string]any, len(m)+len(patch))
	for k, v := range m {
		out[k] = v
	}
	for k, v := range patch {
		old, _ := out[k].(map[string]any)
		new, isObject := v.(map[string]any)
		switch {
		case v == nil:
			delete(out, k)
		case isObject:
			if merged := merge(old, new); len(merged) > 0 {
				out[k] = merged
			} else {
				delete(out, k)
			}
		default:
			out[k] = v
		}
	}
	return out
}

// diff returns the smallest patch that makes b of a; empty where they are equal.
func diff(a, b map[string]any) map[string]any {
	patch := make(map[string]any)
	for k := range a {
		if _, ok := b[k]; !ok {
			patch[k] = nil
		}
	}
	for k, to := range b {
		from, ok := a[k]
		was, wasObject := from.(map[string]any)
		is, isObject := to.(map[string]any)
		switch {
		case ok && wasObject && isObject:
			if p := diff(was, is); len(p) > 0 {
				patch[k] = p
			}
		case !ok || !equal(from, to):
			patch[k] = to
		}
	}
	return patch
}

// lift adds to nulls what removes every value of a patch.
func lift(nulls, patch map[string]any) map[string]any {
	out := make(map[string]any, len(nulls)+len(patch))
	for k, v := range nulls {
		out[k] = v
	}
	for k, v := range patch {
		already, seen := out[k]
		below, ok := already.(map[string]any)
		if object, isObject := v.(map[string]any); isObject && (ok || !seen) {
			out[k] = lift(below, object)
		} else {
			out[k] = nil
		}
	}
	return out
}

func equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			if w, ok := b[k]; !ok || !equal(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case json.Number:
		b, ok := b.(json.Number)
		return ok && sameNumber(string(a), string(b))
	}
	return a == b
}

// sameNumber compares numbers that may be written in different ways: 1, 1.0 and 1e0.
func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	whole := func(s string) bool { return !strings.ContainsAny(s, ".eE") }
	if whole(a) && whole(b) {
		return strings.TrimPrefix(a, "-") == "0" && strings.TrimPrefix(b, "-") == "0"
	}
	// With enough bits for all digits; exponents are bounded by the type.
	bits := uint(64 + 4*max(len(a), len(b)))
	x, _, err := big.ParseFloat(a, 10, bits, big.ToNearestEven)
	if err != nil {
		return false
	}
	y, _, err := big.ParseFloat(b, 10, bits, big.ToNearestEven)
	return err == nil && !x.IsInf() && x.Cmp(y) == 0
}
