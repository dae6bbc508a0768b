package iothub

import (
	"fmt"
	"net/url"
	"strings"
)

// Property is an application's property of a message.
type Property struct{ Key, Value string }

// escape is percent-encoding as IoT Hub reads it: a space is %20, never a plus.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// encode writes a property bag: system properties, whose keys begin with $., and the application's. Empty system
// properties are left out.
func encode(system [][2]string, properties []Property) string {
	var b strings.Builder
	add := func(key, value string) {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(key + "=" + escape(value))
	}
	for _, s := range system {
		if s[1] != "" {
			add("$."+s[0], s[1])
		}
	}
	for _, p := range properties {
		add(escape(p.Key), p.Value)
	}
	return b.String()
}

// maxProperties bounds what is read of a bag: a topic holds no more.
const maxProperties = 4096

// decode reads a property bag; in those that come from the hub, keys are encoded too. A key without a value has an empty
// one.
func decode(bag string) (system map[string]string, properties []Property, err error) {
	system = make(map[string]string)
	for field := range strings.SplitSeq(strings.TrimSuffix(bag, "/"), "&") {
		if field == "" {
			continue
		}
		if len(properties)+len(system) >= maxProperties {
			return nil, nil, fmt.Errorf("iothub: more than %d properties", maxProperties)
		}
		k, v, _ := strings.Cut(field, "=")
		key, err := url.PathUnescape(k) // a plus is a plus
		if err != nil {
			return nil, nil, fmt.Errorf("iothub: property bag: %w", err)
		}
		value, err := url.PathUnescape(v)
		if err != nil {
			return nil, nil, fmt.Errorf("iothub: property bag: %w", err)
		}
		if name, ok := strings.CutPrefix(key, "$."); ok {
			system[name] = value
		} else {
			properties = append(properties, Property{key, value})
		}
	}
	return system, properties, nil
}
