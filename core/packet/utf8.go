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

// printable reports whether s is printable ASCII throughout, as nearly all text is, eight bytes at a time. It may say
// no to some that are, never yes to one that is not.
func printable(s string) bool {
	const ones, high = 0x0101_0101_0101_0101, 0x8080_8080_8080_8080
	i := 0
	for ; i+8 <= len(s); i += 8 {
		v := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		// The high bit of a byte ends up set where it is 0x80 or above, below a space, or 0x7F.
		if (v|v-ones*' '|v+ones)&high != 0 {
			return false
		}
	}
	for ; i < len(s); i++ {
		if s[i] < ' ' || s[i] >= 0x7F {
			return false
		}
	}
	return true
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
