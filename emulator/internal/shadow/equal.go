package shadow

import (
	"encoding/json"
	"strconv"
	"strings"
)

// equal compares JSON values, numbers by what they mean.
func equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		m, ok := b.(map[string]any)
		if !ok || len(a) != len(m) {
			return false
		}
		for key, v := range a {
			w, there := m[key]
			if !there || !equal(v, w) {
				return false
			}
		}
		return true
	case []any:
		l, ok := b.([]any)
		if !ok || len(a) != len(l) {
			return false
		}
		for i, v := range a {
			if !equal(v, l[i]) {
				return false
			}
		}
		return true
	case json.Number:
		n, ok := b.(json.Number)
		return ok && (a == n || canonical(string(a)) == canonical(string(n)))
	}
	return a == b
}

// canonical writes a JSON number as its sign, its significant digits and its exponent. It does no arithmetic on the
// number: a client may well send 1e999999999.
func canonical(n string) string {
	sign := ""
	if strings.HasPrefix(n, "-") {
		sign, n = "-", n[1:]
	}
	exponent := int64(0)
	if i := strings.IndexAny(n, "eE"); i >= 0 {
		e, err := strconv.ParseInt(n[i+1:], 10, 32)
		if err != nil {
			return sign + n // beyond reason: equal only to itself
		}
		exponent, n = e, n[:i]
	}
	whole, fraction, _ := strings.Cut(n, ".")
	exponent -= int64(len(fraction))
	digits := strings.TrimLeft(whole+fraction, "0")
	short := strings.TrimRight(digits, "0")
	if short == "" {
		return "0"
	}
	exponent += int64(len(digits) - len(short))
	return sign + short + "e" + strconv.FormatInt(exponent, 10)
}
