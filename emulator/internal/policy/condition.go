package policy

import (
	"fmt"
	"net/netip"
	"strings"
)

// operator compares a value of the request with one of the policy.
type operator struct {
	not  bool
	same func(r *Request, pattern, value string) bool
}

func equal(r *Request, pattern, value string) bool {
	p, ok := expand(pattern, r)
	return ok && p.literal(value)
}

func like(r *Request, pattern, value string) bool {
	p, ok := expand(pattern, r)
	return ok && p.match(value)
}

// fold fills variables in before it compares: their names have capital letters.
func fold(r *Request, pattern, value string) bool {
	p, ok := expand(pattern, r)
	return ok && strings.EqualFold(p.text(), value)
}

// within compares an address with a block of addresses, or with one.
func within(_ *Request, pattern, value string) bool {
	ip, err := netip.ParseAddr(value)
	if err != nil {
		return false
	}
	if block, err := netip.ParsePrefix(pattern); err == nil {
		return block.Contains(ip)
	}
	one, err := netip.ParseAddr(pattern)
	return err == nil && one == ip
}

// operators by their names. Times and numbers play no part in the conditions of a connection.
var operators = map[string]*operator{
	"StringEquals": {same: equal}, "StringNotEquals": {same: equal, not: true},
	"StringEqualsIgnoreCase": {same: fold}, "StringNotEqualsIgnoreCase": {same: fold, not: true},
	"StringLike": {same: like}, "StringNotLike": {same: like, not: true},
	"ArnEquals": {same: like}, "ArnNotEquals": {same: like, not: true},
	"ArnLike": {same: like}, "ArnNotLike": {same: like, not: true},
	"Bool":      {same: fold},
	"IpAddress": {same: within}, "NotIpAddress": {same: within, not: true},
}

func newCondition(name, key string, values []string) (c condition, err error) {
	rest := name
	if rest, c.all = strings.CutPrefix(rest, "ForAllValues:"); !c.all {
		rest, c.any = strings.CutPrefix(rest, "ForAnyValue:")
	}
	rest, c.ifExists = strings.CutSuffix(rest, "IfExists")
	if c.test = operators[rest]; c.test == nil {
		return c, fmt.Errorf("the condition operator %q is not known", name)
	}
	c.key, c.values = key, values
	return c, nil
}

// holds evaluates the condition.
func (c *condition) holds(r *Request) bool {
	values := r.Values(c.key)
	if len(values) == 0 {
		return c.ifExists || c.all || c.test.not && !c.any
	}
	for _, v := range values {
		ok := c.one(r, v)
		switch {
		case c.all && !ok:
			return false
		case !c.all && ok:
			return true
		}
	}
	return c.all
}

// one compares one value of the request with all of the policy.
func (c *condition) one(r *Request, value string) bool {
	for _, pattern := range c.values {
		if c.test.same(r, pattern, value) {
			return !c.test.not
		}
	}
	return c.test.not
}
