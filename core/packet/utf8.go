package packet

import (
	"strings"
	"unicode/utf8"
)

// checkString applies the rules for UTF-8 strings and names the clause that is broken, empty where none is.
// A byte order mark is kept like any other character [MQTT-1.5.4-3].
func checkString(s string, strict bool) (clause, detail string) {
	if printable(s) {
		return "", ""
	}
	return checkRunes(s, strict)
}

func checkRunes(s string, strict bool) (clause, detail string) {
	if !utf8.ValidString(s) { // also refuses encoded surrogates
		return "MQTT-1.5.4-1", "ill-formed UTF-8"
	}
	if strings.IndexByte(s, 0) >= 0 {
		return "MQTT-1.5.4-2", "U+0000 in text"
	}
	if strict && hasDiscouraged(s) {
		return "1.5.4", "a control or non-character in text"
	}
	return "", ""
}

// printable reports whether s is printable ASCII throughout, as nearly all text is.
func printable(s string) bool {
	plain, _ := scan(s)
	return plain
}

// scan looks at a string eight bytes at a time: whether it is printable ASCII throughout, and whether it has + or #.
func scan(s string) (plain, wildcard bool) {
	const (
		ones = 0x0101_0101_0101_0101
		high = 0x8080_8080_8080_8080
	)
	var bad, wild uint64
	for len(s) >= 8 {
		v := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		// The high bit of a byte ends up set where it is 0x80 or above, below a space, or 0x7F.
		bad |= v | (v - ones*' ') | (v + ones)
		plus, hash := v^ones*'+', v^ones*'#'
		wild |= (plus-ones)&^plus | (hash-ones)&^hash
		if len(s) == 8 {
			s = ""
			break
		}
		s = s[min(8, len(s)-8):] // the last eight bytes may overlap those before
	}
	for i := range len(s) { // only where there are fewer than eight at all
		c := s[i]
		if c < ' ' || c >= 0x7F {
			bad = high
		}
		if c == '+' || c == '#' {
			wild = high
		}
	}
	return bad&high == 0, wild&high != 0
}

// hasDiscouraged reports the code points a receiver may treat as malformed: the control characters
// U+0001-U+001F and U+007F-U+009F, and the Unicode non-characters.
func hasDiscouraged(s string) bool {
	for _, r := range s {
		if r <= 0x1F || r >= 0x7F && r <= 0x9F || r >= 0xFDD0 && r <= 0xFDEF || r&0xFFFE == 0xFFFE {
			return true
		}
	}
	return false
}
