package packet

// interner returns the same string for the same topic, so that a stream of messages on few topics allocates no
// strings and checks each topic's UTF-8 once. It holds a bounded number of short topics.
type interner struct {
	last string
	seen map[string]string
}

const (
	maxInterned    = 512 // topics held at a time; a flood of distinct ones starts over
	maxInternedLen = 256 // longer topics are rare; only the last one is held
)

// get returns a string known to be a valid topic name, or false. The caller has looked at last.
func (t *interner) get(b []byte) (string, bool) {
	s, ok := t.seen[string(b)]
	if ok {
		t.last = s
	}
	return s, ok
}

func (t *interner) put(s string) {
	t.last = s
	if len(s) > maxInternedLen {
		return
	}
	if t.seen == nil {
		t.seen = make(map[string]string, 8)
	}
	if len(t.seen) >= maxInterned {
		clear(t.seen) // keeps its memory, so that a flood costs no more than the strings
	}
	t.seen[s] = s
}
