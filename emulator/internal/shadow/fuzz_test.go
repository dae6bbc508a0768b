package shadow

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// FuzzUpdate checks what must hold after any update: the metadata has the state's shape, reporting what is desired
// leaves no delta, and what is saved can be loaded.
func FuzzUpdate(f *testing.F) {
	f.Add([]byte(`{"state":{"desired":{"a":{"b":[1,{"c":2}]},"d":null},"reported":{"a":1}}}`), []byte(`{"state":{"desired":null,"reported":{"a":{"b":null}}}}`))
	f.Add([]byte(`{"state":{"desired":{"a":{}}}}`), []byte(`{"state":{"desired":{"a":{"b":{"c":null}}}},"version":1}`))
	f.Add([]byte(`{"state":{"desired":{"a":1.0e1}}}`), []byte(`{"state":{"reported":{"a":10}}}`))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		s := New(Limits{})
		now := time.Unix(1, 0)
		for _, payload := range [][]byte{first, second} {
			before := s.Save()
			if _, _, err := s.Update(now, "t", "", payload); err != nil && string(before) != string(s.Save()) {
				t.Fatalf("a refused update has changed the shadow: %v", err)
			}
		}
		d := s.docs[key{"t", ""}]
		if d == nil {
			return
		}
		for _, name := range sectionNames {
			checkShape(t, d.state[name], d.meta[name])
		}
		loaded := New(Limits{})
		if err := loaded.Load(s.Save()); err != nil || string(loaded.Save()) != string(s.Save()) {
			t.Fatalf("saved and loaded: %v\n%s\n%s", err, s.Save(), loaded.Save())
		}
		report, _ := json.Marshal(map[string]any{"state": map[string]any{"reported": d.state[desired]}})
		if _, _, err := s.Update(now, "t", "", report); err != nil {
			return // it may be too large now
		}
		if diff, _ := s.docs[key{"t", ""}].delta(); len(diff) > 0 {
			t.Fatalf("a delta is left: %s", service.Encode(diff))
		}
	})
}

func checkShape(t *testing.T, state, meta any) {
	t.Helper()
	switch state := state.(type) {
	case map[string]any:
		m, ok := meta.(map[string]any)
		if !ok || len(m) != len(state) {
			t.Fatalf("state %v, metadata %v", state, meta)
		}
		for k, v := range state {
			checkShape(t, v, m[k])
		}
	case []any:
		l, ok := meta.([]any)
		if !ok || len(l) != len(state) {
			t.Fatalf("state %v, metadata %v", state, meta)
		}
		for i, v := range state {
			checkShape(t, v, l[i])
		}
	case nil:
		if meta != nil {
			t.Fatalf("metadata %v without state", meta)
		}
	default:
		if want := map[string]any{"timestamp": int64(1)}; !reflect.DeepEqual(meta, want) {
			t.Fatalf("metadata of %v is %v", state, meta)
		}
	}
}
