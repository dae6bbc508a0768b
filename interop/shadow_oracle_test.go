package interop

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
	"github.com/gneiss-mqtt/gneiss-go/emulator/memnet"
)

// TestShadowMergeOracle has somebody else's implementation of RFC 7396 judge how the emulator merges updates into shadows, and
// what it finds to be different between what is desired and what is reported.
func TestShadowMergeOracle(t *testing.T) {
	t.Parallel()
	s := mergeServer(t)
	for seed := range uint64(300) {
		checkMerge(t, s, seed)
	}
}

func FuzzShadowMergeOracle(f *testing.F) {
	s := mergeServer(f)
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { checkMerge(t, s, seed) })
}

// mergeServer is an emulator that keeps the objects that are left empty, as RFC 7396 does and the service does not.
func mergeServer(t testing.TB) *emulator.Server {
	t.Helper()
	s, err := emulator.Start(emulator.Options{Mem: memnet.New(memnet.Link{}, 1),
		IoT: iotcore.Options{Shadows: iotcore.ShadowLimits{KeepEmpty: true, Size: 1 << 20, Depth: 100}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

type object = map[string]any

// checkMerge makes a few updates to a shadow and to the oracle's document, and compares them after each.
func checkMerge(t *testing.T, s *emulator.Server, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	thing := fmt.Sprint("t", seed)
	document := []byte("{}")
	for range 6 {
		patch := object{}
		for _, section := range []string{"desired", "reported"} {
			switch random.IntN(8) {
			case 0: // not mentioned
			case 1:
				patch[section] = nil
			default:
				patch[section] = randomObject(random, 3, true)
			}
		}
		text, err := json.Marshal(patch)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.UpdateShadow(thing, "", []byte(`{"state":`+string(text)+`}`)); err != nil {
			t.Fatalf("seed %d: %s: %v", seed, text, err)
		}
		if document, err = jsonpatch.MergePatch(document, text); err != nil {
			t.Fatal(err)
		}
		want := withDelta(t, document)
		got, err := s.Shadow(thing, "")
		if err != nil {
			t.Fatal(err)
		}
		var answer struct{ State object }
		if err := json.Unmarshal(got, &answer); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(answer.State, want) {
			t.Fatalf("seed %d, after %s:\n got %v\nwant %v", seed, text, answer.State, want)
		}
	}
	if err := s.DeleteShadow(thing, ""); err != nil {
		t.Fatal(err)
	}
}

// withDelta adds what the oracle finds to be missing in reported: the patch from there to what desired makes of it.
func withDelta(t *testing.T, document []byte) object {
	t.Helper()
	var state object
	if err := json.Unmarshal(document, &state); err != nil {
		t.Fatal(err)
	}
	for section, v := range state { // an empty section is none
		if len(v.(object)) == 0 {
			delete(state, section)
		}
	}
	part := func(section string) []byte {
		o, _ := state[section].(object)
		if o == nil {
			o = object{}
		}
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	reached, err := jsonpatch.MergePatch(part("reported"), part("desired"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jsonpatch.CreateMergePatch(part("reported"), reached)
	if err != nil {
		t.Fatal(err)
	}
	var delta object
	if err := json.Unmarshal(text, &delta); err != nil {
		t.Fatal(err)
	}
	if len(delta) > 0 {
		state["delta"] = delta
	}
	return state
}

// randomObject makes an object out of few names, so that updates meet. null may be anywhere but within arrays.
func randomObject(random *rand.Rand, depth int, nulls bool) object {
	o := object{}
	for range random.IntN(4) {
		o[string(rune('a'+random.IntN(4)))] = randomValue(random, depth-1, nulls)
	}
	return o
}

func randomValue(random *rand.Rand, depth int, nulls bool) any {
	switch n := random.IntN(8); {
	case n < 2 && nulls:
		return nil
	case n < 5 && depth > 0:
		return randomObject(random, depth, nulls)
	case n == 5 && depth > 0:
		list := []any{}
		for range random.IntN(3) {
			list = append(list, randomValue(random, depth-1, false))
		}
		return list
	case n == 6:
		return random.IntN(2) == 0
	}
	return float64(random.IntN(3))
}
