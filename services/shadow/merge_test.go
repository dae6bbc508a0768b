package shadow

import (
	"encoding/json"
	"reflect"
	"testing"
)

func parse(t testing.TB, text string) map[string]any {
	t.Helper()
	m, err := tree(json.RawMessage(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}

func TestDiff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ a, b, want string }{
		{`{}`, `{}`, `{}`},
		{`{"a":1}`, `{"a":1.0}`, `{}`},
		{`{"a":10}`, `{"a":1e1}`, `{}`},
		{`{"a":-0}`, `{"a":0}`, `{}`},
		{`{"a":9007199254740993}`, `{"a":9007199254740992}`, `{"a":9007199254740992}`},
		{`{"a":0.1}`, `{"a":0.10}`, `{}`},
		{`{"a":1e999999999}`, `{"a":1e999999998}`, `{"a":1e999999998}`},
		{`{"a":1,"b":2}`, `{"b":3}`, `{"a":null,"b":3}`},
		{`{"a":{"x":1,"y":2}}`, `{"a":{"x":1,"y":3}}`, `{"a":{"y":3}}`},
		{`{"a":{"x":1}}`, `{"a":1}`, `{"a":1}`},
		{`{"a":1}`, `{"a":{"x":1}}`, `{"a":{"x":1}}`},
		{`{"a":[1,2]}`, `{"a":[1,2.0]}`, `{}`},
		{`{"a":[1,2]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"a":[{"x":null}]}`, `{"a":[{}]}`, `{"a":[{}]}`},
		{`{"a":{"b":{}}}`, `{}`, `{}`},
		{`{"a":null}`, `{}`, `{}`},
		{`{"a":"1"}`, `{"a":1}`, `{"a":1}`},
		{`{"a":true}`, `{"a":false}`, `{"a":false}`},
		{``, `null`, `{}`},
	} {
		got, err := json.Marshal(diff(parse(t, c.a), parse(t, c.b)))
		if err != nil || string(got) != c.want {
			t.Errorf("from %s to %s: got %s, %v, want %s", c.a, c.b, got, err, c.want)
		}
	}
}

func TestLift(t *testing.T) {
	t.Parallel()
	got := lift(lift(nil, parse(t, `{"a":1,"b":{"x":1},"d":{"x":1}}`)), parse(t, `{"b":{"y":2},"c":3,"d":4}`))
	want := map[string]any{"a": nil, "b": map[string]any{"x": nil, "y": nil}, "c": nil, "d": nil}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

// A patch made by diff leads from one document to the other, and there is none where they are equal.
func FuzzDiff(f *testing.F) {
	f.Add(`{"a":1}`, `{"a":{"b":[1,null]},"c":2}`)
	f.Add(`{"a":{"x":{"y":1}}}`, `{"a":{"x":{"z":1}}}`)
	f.Fuzz(func(t *testing.T, x, y string) {
		a, err1 := tree(json.RawMessage(x))
		b, err2 := tree(json.RawMessage(y))
		if err1 != nil || err2 != nil {
			return
		}
		patch := diff(a, b)
		if got := merge(a, patch); !equal(got, b) {
			t.Errorf("%v with %v is %v, not %v", a, patch, got, b)
		}
		if p := diff(a, a); len(p) > 0 {
			t.Errorf("from %v to itself: %v", a, p)
		}
		if equal(a, b) != (len(patch) == 0) {
			t.Errorf("%v, %v: patch %v", a, b, patch)
		}
	})
}
