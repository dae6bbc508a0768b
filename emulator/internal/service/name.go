package service

// ValidName reports whether s has 1 to most characters, all of them letters, digits, hyphens, underscores or among
// extra.
func ValidName(s string, most int, extra string) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || contains(extra, c)) {
			return false
		}
	}
	return true
}

func contains(set string, c byte) bool {
	for i := range len(set) {
		if set[i] == c {
			return true
		}
	}
	return false
}

// ValidThing reports whether s can be the name of a thing.
func ValidThing(s string) bool { return ValidName(s, 128, ":") }
