package policy

import "strings"

// pattern is a resource or a value of a policy whose variables have been filled in. What came from a variable stands for
// itself, whatever it contains.
type pattern []token

type token struct {
	kind byte // 0: the byte c; '*': any bytes; '?': one character
	c    byte
}

// expand fills in the variables. ok is false where one has no value, or one that could be taken for a wildcard: then the
// pattern matches nothing.
func expand(text string, r *Request) (p pattern, ok bool) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '*' || c == '?':
			p = append(p, token{kind: c})
		case c == '$' && strings.HasPrefix(text[i:], "${"):
			name, _, closed := strings.Cut(text[i+2:], "}")
			if !closed {
				return nil, false
			}
			i += len(name) + 2
			value := name
			if name != "*" && name != "?" && name != "$" { // which stand for themselves so
				if value, ok = r.variable(name); !ok {
					return nil, false
				}
			}
			for j := range len(value) {
				p = append(p, token{c: value[j]})
			}
		default:
			p = append(p, token{c: c})
		}
	}
	return p, true
}

// maxVariable is how many characters of a variable's value there may be.
const maxVariable = 1024

// variable returns the value of a policy variable.
func (r *Request) variable(name string) (string, bool) {
	values := r.Values(name)
	if len(values) != 1 || len(values[0]) > maxVariable || strings.ContainsAny(values[0], "*$+?#") {
		return "", false
	}
	return values[0], true
}

// match reports whether the whole of s fits. It takes no more than the product of the lengths.
func (p pattern) match(s string) bool {
	i, j := 0, 0          // in s and p
	star, after := -1, -1 // the last * and where in s it has been tried
	for i < len(s) {
		switch {
		case j < len(p) && p[j].kind == '*':
			star, after = j, i
			j++
		case j < len(p) && p[j].kind == '?':
			for i++; i < len(s) && s[i]&0xC0 == 0x80; i++ { // the rest of a UTF-8 sequence
			}
			j++
		case j < len(p) && p[j].kind == 0 && p[j].c == s[i]:
			i++
			j++
		case star >= 0:
			after++
			i, j = after, star+1
		default:
			return false
		}
	}
	for j < len(p) && p[j].kind == '*' {
		j++
	}
	return j == len(p)
}

// literal compares without wildcards.
func (p pattern) literal(s string) bool { return len(p) == len(s) && p.text() == s }

// text is the pattern where wildcards are none.
func (p pattern) text() string {
	b := make([]byte, len(p))
	for i, t := range p {
		if b[i] = t.c; t.kind != 0 {
			b[i] = t.kind
		}
	}
	return string(b)
}
