package sigv4

import (
	"net/http"
	"net/url"
	"strings"
)

// fromQuery reads the signature of a URL. The session token and the signature are not signed, wherever they stand.
func fromQuery(r *http.Request) (*claim, error) {
	c := &claim{payload: hash(nil)}
	values := map[string]string{}
	var signed []string
	for part := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if part == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			return nil, fail(Incomplete, "the query cannot be decoded")
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			return nil, fail(Incomplete, "the query parameter %q cannot be decoded", name)
		}
		if _, twice := values[name]; twice && strings.HasPrefix(name, "X-Amz-") {
			return nil, fail(Incomplete, "the query parameter %q comes twice", name)
		}
		values[name] = value
		if name != "X-Amz-Signature" && name != "X-Amz-Security-Token" {
			signed = append(signed, escape(name, false)+"="+escape(value, false))
		}
	}
	c.query = sortedQuery(signed)
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Signature"} {
		if values[name] == "" {
			return nil, fail(Incomplete, "the query parameter %s is missing", name)
		}
	}
	if values["X-Amz-Algorithm"] != Algorithm {
		return nil, fail(Incomplete, "the algorithm is not %s", Algorithm)
	}
	if e, ok := values["X-Amz-Expires"]; ok {
		if err := c.lasts(e); err != nil {
			return nil, err
		}
	}
	c.signature, c.token = values["X-Amz-Signature"], values["X-Amz-Security-Token"]
	return c, first(c.scope(values["X-Amz-Credential"]), c.at(values["X-Amz-Date"]), c.headerNames(values["X-Amz-SignedHeaders"]))
}

// fromHeader reads the signature of an Authorization header.
func fromHeader(r *http.Request, body []byte) (*claim, error) {
	kind, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if kind != Algorithm {
		return nil, fail(Incomplete, "the Authorization header does not begin with %s", Algorithm)
	}
	values := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		values[name] = value
	}
	for _, name := range []string{"Credential", "SignedHeaders", "Signature"} {
		if values[name] == "" {
			return nil, fail(Incomplete, "%s is missing in the Authorization header", name)
		}
	}
	c := &claim{payload: hash(body), signature: values["Signature"], token: r.Header.Get("X-Amz-Security-Token")}
	if sent := r.Header.Get("X-Amz-Content-Sha256"); sent != "" {
		if sent != "UNSIGNED-PAYLOAD" && sent != c.payload {
			return nil, fail(Mismatch, "the body is not the one that was signed")
		}
		c.payload = sent
	}
	var query []string
	for part := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if part == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(part, "=")
		name, err1 := url.QueryUnescape(rawName)
		value, err2 := url.QueryUnescape(rawValue)
		if err1 != nil || err2 != nil {
			return nil, fail(Incomplete, "the query cannot be decoded")
		}
		query = append(query, escape(name, false)+"="+escape(value, false))
	}
	c.query = sortedQuery(query)
	return c, first(c.scope(values["Credential"]), c.at(r.Header.Get("X-Amz-Date")), c.headerNames(values["SignedHeaders"]))
}

// first returns the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
