package direct

import (
	"strings"
	"testing"
)

func TestSplitAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"broker":                 "broker:1883",
		"broker.example.org":     "broker.example.org:1883",
		"broker.example.org.":    "broker.example.org.:1883",
		"broker.example.org:1":   "broker.example.org:1",
		"broker:65535":           "broker:65535",
		"127.0.0.1":              "127.0.0.1:1883",
		"127.0.0.1:2000":         "127.0.0.1:2000",
		"::1":                    "[::1]:1883",
		"[::1]":                  "[::1]:1883",
		"[::1]:2000":             "[::1]:2000",
		"fe80::1%eth0":           "[fe80::1%eth0]:1883",
		"[fe80::1%eth0]:2000":    "[fe80::1%eth0]:2000",
		"xn--bcher-kva.example":  "xn--bcher-kva.example:1883",
		"under_score.example:80": "under_score.example:80",
	} {
		host, port, err := splitAddress(address, PortTCP)
		if got := joinAddress(host, port); err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", address, got, err, want)
		}
	}
	for address, want := range map[string]string{
		"":                    "has no host",
		":1883":               "has no host",
		"[]":                  "not an IPv6 address",
		"[]:1883":             "has no host",
		"[broker]":            "not an IPv6 address",
		"broker:":             "without a port",
		"[::1]:":              "without a port",
		"broker:0":            "from 1 to 65535",
		"broker:65536":        "from 1 to 65535",
		"broker:-1":           "from 1 to 65535",
		"broker:mqtt":         "from 1 to 65535",
		"broker:18 83":        "from 1 to 65535",
		"a:b:c":               "want host",
		"[::1":                "want host",
		"mqtt://broker":       "direct.URL",
		"broker/path":         "not a host name",
		"user@broker:1883":    "not a host name",
		"bro ker":             "not a host name",
		"broker\r\nX: y:1883": "want host",
		"broker\r\n:1883":     "not a host name",
	} {
		host, port, err := splitAddress(address, PortTCP)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "direct: ") {
			t.Errorf("%q: got %q, %d, %v; want an error with %q", address, host, port, err, want)
		}
	}
}

func TestNameOf(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"broker": "broker", "127.0.0.1": "127.0.0.1", "::1": "::1", "fe80::1%eth0": "fe80::1", "0:0::1": "::1",
	} {
		if got := nameOf(host); got != want {
			t.Errorf("%s: got %s, want %s", host, got, want)
		}
	}
}
