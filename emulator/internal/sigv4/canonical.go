package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// canonicalRequest puts a request into the form that is signed, with the headers that the signature lists, as they were
// received.
func canonicalRequest(r *http.Request, c *claim) (string, error) {
	var b strings.Builder
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	// The path as it was sent is escaped once more, which leaves a plain one as it is.
	b.WriteString(r.Method + "\n" + escape(path, true) + "\n" + c.query + "\n")
	for _, name := range c.signedHeaders {
		value, ok := headerValue(r, name)
		if !ok {
			return "", fail(Mismatch, "the signed header %q is missing", name)
		}
		b.WriteString(name + ":" + value + "\n")
	}
	b.WriteString("\n" + strings.Join(c.signedHeaders, ";") + "\n" + c.payload)
	return b.String(), nil
}

// headerValue returns a header as it is signed: trimmed, and with single spaces.
func headerValue(r *http.Request, name string) (string, bool) {
	if name == "host" {
		return r.Host, true
	}
	values := r.Header.Values(name)
	if len(values) == 0 {
		if name == "content-length" && r.ContentLength >= 0 { // net/http may have taken it out
			return strconv.FormatInt(r.ContentLength, 10), true
		}
		return "", false
	}
	clean := make([]string, len(values))
	for i, v := range values {
		clean[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(clean, ","), true
}

// sign returns the signature of a canonical request in hexadecimal digits.
func sign(secret string, c *claim, canonical string) string {
	toSign := Algorithm + "\n" + c.stamp + "\n" + c.day + "/" + c.region + "/" + c.service + "/aws4_request\n" + hash([]byte(canonical))
	key := []byte("AWS4" + secret)
	for _, part := range []string{c.day, c.region, c.service, "aws4_request", toSign} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

func hash(p []byte) string {
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:])
}

// sortedQuery joins escaped parameters in the order of their names and, for equal names, values.
func sortedQuery(parts []string) string {
	slices.SortFunc(parts, func(a, b string) int {
		aName, aValue, _ := strings.Cut(a, "=")
		bName, bValue, _ := strings.Cut(b, "=")
		if c := strings.Compare(aName, bName); c != 0 {
			return c
		}
		return strings.Compare(aValue, bValue)
	})
	return strings.Join(parts, "&")
}

// escape escapes every byte but letters, digits and -._~ and, in a path, the slash.
func escape(s string, path bool) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0, path && c == '/':
			b.WriteByte(c)
		default:
			const digits = "0123456789ABCDEF"
			b.WriteString(string([]byte{'%', digits[c>>4], digits[c&15]}))
		}
	}
	return b.String()
}
