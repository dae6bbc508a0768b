package awsiot

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
)

// query is the part of a user name behind its question mark, encoded. It is no URL's: a plus sign is a plus sign.
type query string

func (q query) has(key string) bool {
	for part := range strings.SplitSeq(string(q), "&") {
		if name, _, _ := strings.Cut(part, "="); name == key {
			return true
		}
	}
	return false
}

func (q *query) add(key, value string) {
	if *q != "" {
		*q += "&"
	}
	*q += query(key + "=" + value)
}

// escape percent-encodes everything that RFC 3986 does not call unreserved.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// encodeSignature encodes a signature, unless that is done already: base64 has no percent sign. Line breaks, which programs
// that make base64 insert, are left out.
func encodeSignature(signature string) (string, error) {
	plain := strings.NewReplacer("\r", "", "\n", "").Replace(signature)
	if strings.Contains(plain, "%") {
		var err error
		if plain, err = url.PathUnescape(plain); err != nil {
			return "", errors.New("awsiot: Authorizer.TokenSignature is not percent-encoded well")
		}
	}
	if _, err := base64.StdEncoding.DecodeString(plain); err != nil {
		return "", errors.New("awsiot: Authorizer.TokenSignature is not base64")
	}
	return escape(plain), nil
}
