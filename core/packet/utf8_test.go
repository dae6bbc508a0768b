package packet

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestScan puts every byte at every place of strings of every length around a word.
func TestScan(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 25; n++ {
		for at := range n {
			for b := range 256 {
				s := []byte(strings.Repeat("~", n))
				s[at] = byte(b)
				plain, wildcard := scan(string(s))
				if plain != (b >= ' ' && b < 0x7F) || wildcard != (b == '+' || b == '#') {
					t.Fatalf("%q: %v, %v", s, plain, wildcard)
				}
			}
		}
	}
	if plain, wildcard := scan(""); !plain || wildcard {
		t.Errorf("empty: %v, %v", plain, wildcard)
	}
}

// TestEveryCodePoint judges all of Unicode, strictly and not, in a short string and in a long one.
//
// Conformance: MQTT-1.5.4-1, MQTT-1.5.4-2, MQTT-1.5.4-3, X-UTF8-1, v3:MQTT-1.5.3-1, v3:MQTT-1.5.3-2, v3:MQTT-1.5.3-3
func TestEveryCodePoint(t *testing.T) {
	t.Parallel()
	encode := func(r rune) string { // as UTF-8 would, surrogates included
		if r < 0xD800 || r > 0xDFFF {
			return string(utf8.AppendRune(nil, r))
		}
		return string([]byte{0xE0 | byte(r>>12), 0x80 | byte(r>>6)&0xBF, 0x80 | byte(r)&0xBF})
	}
	for r := rune(0); r <= 0x10FFFF; r++ {
		want, strict := "", ""
		switch {
		case r == 0:
			want = "MQTT-1.5.4-2"
		case r >= 0xD800 && r <= 0xDFFF:
			want = "MQTT-1.5.4-1"
		case r < 0x20, r >= 0x7F && r <= 0x9F, r >= 0xFDD0 && r <= 0xFDEF, r%0x10000 >= 0xFFFE:
			strict = "1.5.4"
		}
		if want != "" {
			strict = want
		}
		c := encode(r)
		for _, s := range []string{c, "0123456789" + c + "0123456789"} {
			if clause, _ := checkString(s, false); clause != want {
				t.Fatalf("U+%04X in %q: %q, want %q", r, s, clause, want)
			}
			if clause, _ := checkString(s, true); clause != strict {
				t.Fatalf("U+%04X in %q, strictly: %q, want %q", r, s, clause, strict)
			}
		}
	}
}
