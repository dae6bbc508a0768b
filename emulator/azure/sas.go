package azure

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// signature is a shared access signature, as it is sent.
type signature struct {
	resource string // as sent, encoded
	sig      []byte
	expires  time.Time
	text     string // of the time, as sent
	policy   string
}

func parseSignature(s string) (g signature, err error) {
	rest, ok := strings.CutPrefix(s, "SharedAccessSignature ")
	if !ok {
		return g, errors.New("not a shared access signature")
	}
	for field := range strings.SplitSeq(rest, "&") { // in any order
		name, value, _ := strings.Cut(field, "=")
		text, err := url.QueryUnescape(value)
		if err != nil {
			return g, errors.New("wrong encoding")
		}
		switch name {
		case "sr":
			g.resource = value
		case "sig":
			if g.sig, err = base64.StdEncoding.DecodeString(text); err != nil {
				return g, errors.New("the signature is not base64")
			}
		case "se":
			seconds, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return g, errors.New("the time is not a number")
			}
			g.expires, g.text = time.Unix(seconds, 0), value
		case "skn":
			g.policy = text
		}
	}
	return g, nil
}

// check verifies the signature for a resource with a key in base64.
func (g signature) check(resource, key string, now time.Time) error {
	secret, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		return errors.New("the key is not base64")
	}
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(g.resource + "\n" + g.text))
	sent, err := url.QueryUnescape(g.resource)
	switch {
	case err != nil || !strings.EqualFold(sent, resource):
		return errors.New("the signature is for another resource")
	case !hmac.Equal(h.Sum(nil), g.sig):
		return errors.New("the signature is wrong")
	case !now.Before(g.expires):
		return errors.New("the signature has expired")
	}
	return nil
}
