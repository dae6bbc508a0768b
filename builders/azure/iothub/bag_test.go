package iothub

import (
	"slices"
	"strings"
	"testing"
)

func TestBag(t *testing.T) {
	t.Parallel()
	got := encode([][2]string{{"ct", "application/json"}, {"mid", ""}}, []Property{{"a b", "1+1=2&ü"}, {"empty", ""}})
	if got != "$.ct=application%2Fjson&a%20b=1%2B1%3D2%26%C3%BC&empty=" {
		t.Errorf("got %s", got)
	}
	system, properties, err := decode("%24.mid=x%2Fy&a+b=c%20d&bare&empty=/")
	want := []Property{{"a+b", "c d"}, {"bare", ""}, {"empty", ""}}
	if err != nil || len(system) != 1 || system["mid"] != "x/y" || !slices.Equal(properties, want) {
		t.Errorf("%v, %v, %v", system, properties, err)
	}
	for _, bad := range []string{"%", "a=%zz", "%4", strings.Repeat("a&", 5000)} {
		if _, _, err := decode(bad); err == nil || !strings.HasPrefix(err.Error(), "iothub: ") {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

func FuzzBag(f *testing.F) {
	f.Add("a", "b", "%24.mid=x&c=d")
	f.Fuzz(func(t *testing.T, key, value, bag string) {
		if key == "" || strings.HasPrefix(key, "$.") {
			key = "k" + key
		}
		_, back, err := decode(encode(nil, []Property{{key, value}}))
		if err != nil || len(back) != 1 || back[0] != (Property{key, value}) {
			t.Errorf("%q=%q came back as %q, %v", key, value, back, err)
		}
		_, _, _ = decode(bag)
	})
}
