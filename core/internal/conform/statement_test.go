package main

import (
	"strings"
	"testing"
)

func TestEditionsAreComplete(t *testing.T) {
	t.Parallel()
	editions, err := loadEditions()
	if err != nil {
		t.Fatal(err)
	}
	// Numbered statements of the standards' own summaries, plus our X- rules.
	want := map[string]struct{ total, client int }{
		"MQTT 5.0":   {284, 218},
		"MQTT 3.1.1": {141, 102},
	}
	for _, e := range editions {
		client := 0
		for _, s := range e.statements {
			if s.client() {
				client++
			}
			if !strings.HasPrefix(s.id, "MQTT-") && !strings.HasPrefix(s.id, "X-") {
				t.Errorf("%s: odd identifier %q", e.title, s.id)
			}
			if s.key() != e.prefix+s.id {
				t.Errorf("%s: key %q for id %q", e.title, s.key(), s.id)
			}
		}
		if w := want[e.title]; len(e.statements) != w.total || client != w.client {
			t.Errorf("%s: %d statements, %d bind a client; want %d and %d", e.title, len(e.statements), client, w.total, w.client)
		}
	}
}

func TestParseStatements(t *testing.T) {
	t.Parallel()
	got, err := parseStatements("x.txt", "v3:", `
# a comment

== 3.1 CONNECT
MQTT-3.1.0-1 | sender | CONNECT is first. | Nothing before it.
MQTT-3.1.2-5 | server | A session is resumed. |
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []statement{
		{id: "MQTT-3.1.0-1", prefix: "v3:", section: "3.1 CONNECT", bound: "sender", asks: "CONNECT is first.", does: "Nothing before it."},
		{id: "MQTT-3.1.2-5", prefix: "v3:", section: "3.1 CONNECT", bound: "server", asks: "A session is resumed."},
	}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestParseStatementsRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"too few fields":     {"== A\nX-1 | both | asks", "x.txt:2: 3 fields"},
		"unknown role":       {"== A\nX-1 | peer | asks | does", `X-1 binds "peer"`},
		"client without act": {"== A\nX-1 | both | asks | ", "says nothing about it"},
		"empty statement":    {"== A\nX-1 | both | | does", "empty field"},
		"no section":         {"X-1 | both | asks | does", "before the first section"},
		"twice":              {"== A\nX-1 | both | asks | does\nX-1 | both | asks | does", "x.txt:3: X-1 is there twice"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parseStatements("x.txt", "", c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
}
