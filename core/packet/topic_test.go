package packet

import (
	"strings"
	"testing"
)

// matchOracle is the matching of section 4.7 once more, level by level on slices and without a thought for speed.
func matchOracle(filter, topic string) bool {
	f := strings.Split(filter, "/")
	if f[0] == "$share" && len(f) > 2 {
		f = f[2:]
	}
	if strings.HasPrefix(topic, "$") && (f[0] == "+" || f[0] == "#") {
		return false
	}
	return matchLevels(f, strings.Split(topic, "/"))
}

func matchLevels(filter, topic []string) bool {
	switch {
	case len(filter) == 0:
		return len(topic) == 0
	case filter[0] == "#":
		return true
	case len(topic) == 0:
		return false
	}
	return (filter[0] == "+" || filter[0] == topic[0]) && matchLevels(filter[1:], topic[1:])
}

// Conformance: MQTT-4.7.2-1, MQTT-4.7.3-4, v3:MQTT-4.7.2-1, v3:MQTT-4.7.3-4
func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		// section 4.7.1.2
		{"sport/tennis/player1/#", "sport/tennis/player1", true},
		{"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
		{"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
		{"sport/#", "sport", true},
		{"#", "sport", true},
		{"#", "/", true},
		{"sport/tennis/player1/#", "sport/tennis/player2", false},
		{"sport/#", "sports", false},
		// section 4.7.1.3
		{"sport/tennis/+", "sport/tennis/player1", true},
		{"sport/tennis/+", "sport/tennis/player1/ranking", false},
		{"sport/+", "sport", false},
		{"sport/+", "sport/", true},
		{"+/tennis/#", "sport/tennis", true},
		{"sport/+/player1", "sport/tennis/player1", true},
		{"+/+", "/finance", true},
		{"/+", "/finance", true},
		{"+", "/finance", false},
		{"+/#", "a", true},
		{"+/+/#", "a", false},
		// section 4.7.2
		{"#", "$SYS/uptime", false},
		{"+/monitor/Clients", "$SYS/monitor/Clients", false},
		{"+", "$SYS", false},
		{"$SYS/#", "$SYS/monitor", true},
		{"$SYS/#", "$SYS", true},
		{"$SYS/monitor/+", "$SYS/monitor/Clients", true},
		{"a/+", "a/$b", true},
		// section 4.7.3: case, spaces, empty levels and forms of a character are all told apart
		{"ACCOUNTS", "Accounts", false},
		{"a b", "a b", true},
		{"a/", "a", false},
		{"a", "a/", false},
		{"/a", "a", false},
		{"a//b", "a/b", false},
		{"a//b", "a//b", true},
		{"a/+/b", "a//b", true},
		{"\u00e9", "e\u0301", false},
		{"\ufeffa", "a", false},
		// section 4.8.2
		{"$share/g/a/+", "a/b", true},
		{"$share/g/a/+", "$share/g/a/b", false},
		{"$share/g/#", "$SYS/uptime", false},
		{"$share/g//a", "/a", true},
		{"$share", "$share", true},
		{"$share", "a", false},
	} {
		if got := Match(c.filter, c.topic); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.filter, c.topic, got)
		}
		if got := matchOracle(c.filter, c.topic); got != c.want {
			t.Errorf("the oracle says %v for %q and %q", got, c.filter, c.topic)
		}
	}
}

// TestMatchAll compares Match with the oracle on all short filters and topics over a small alphabet.
func TestMatchAll(t *testing.T) {
	t.Parallel()
	var filters, topics []string
	var grow func(s string)
	grow = func(s string) {
		if s != "" && CheckFilter(s) == nil {
			filters = append(filters, s)
		}
		if s != "" && CheckTopic(s) == nil {
			topics = append(topics, s)
		}
		if len(s) < 4 {
			for _, c := range "a$/+#" {
				grow(s + string(c))
			}
		}
	}
	grow("")
	for _, f := range filters {
		for _, topic := range topics {
			if Match(f, topic) != matchOracle(f, topic) {
				t.Fatalf("Match(%q, %q) = %v", f, topic, Match(f, topic))
			}
		}
	}
	if len(filters)*len(topics) < 10_000 {
		t.Errorf("only %d filters and %d topics", len(filters), len(topics))
	}
}

// filterOracle says whether a filter without $share is right, level by level.
func filterOracle(filter string) bool {
	if filter == "" || len(filter) > 65535 || strings.ToValidUTF8(filter, "\x00") != filter || strings.Contains(filter, "\x00") {
		return false
	}
	levels := strings.Split(filter, "/")
	for i, level := range levels {
		if level != "+" && strings.Contains(level, "+") || level != "#" && strings.Contains(level, "#") || level == "#" && i < len(levels)-1 {
			return false
		}
	}
	return true
}

// Conformance: MQTT-4.7.0-1, MQTT-4.7.1-1, MQTT-4.7.1-2, MQTT-4.7.3-1, MQTT-4.7.3-2, MQTT-4.7.3-3
// Conformance: MQTT-4.8.2-1, MQTT-4.8.2-2, v3:MQTT-4.7.1-1, v3:MQTT-4.7.1-2, v3:MQTT-4.7.1-3, v3:MQTT-4.7.3-1
// Conformance: v3:MQTT-4.7.3-2, v3:MQTT-4.7.3-3
func TestCheckTopicAndFilter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ topic, filter string }{
		"a":            {"", ""},
		"/":            {"", ""},
		"//":           {"", ""},
		" ":            {"", ""},
		"$SYS/a":       {"", ""},
		"$share":       {"", ""},
		"$shared/a":    {"", ""},
		"é/\u00a0/日本":  {"", ""},
		"\ufeff":       {"", ""},
		"+":            {"MQTT-3.3.2-2", ""},
		"#":            {"MQTT-3.3.2-2", ""},
		"+/+/#":        {"MQTT-3.3.2-2", ""},
		"/+/":          {"MQTT-3.3.2-2", ""},
		"$share/g/+/#": {"MQTT-3.3.2-2", ""},
		"$share/g//":   {"", ""},
		"":             {"MQTT-4.7.3-1", "MQTT-4.7.3-1"},
		"a\x00":        {"MQTT-1.5.4-2", "MQTT-1.5.4-2"},
		"a\xc0":        {"MQTT-1.5.4-1", "MQTT-1.5.4-1"},
		longestText:    {"", ""},
		tooLongText:    {"MQTT-4.7.3-3", "MQTT-4.7.3-3"},
		"a#":           {"MQTT-3.3.2-2", "MQTT-4.7.1-1"},
		"#a":           {"MQTT-3.3.2-2", "MQTT-4.7.1-1"},
		"#/":           {"MQTT-3.3.2-2", "MQTT-4.7.1-1"},
		"a/#/b":        {"MQTT-3.3.2-2", "MQTT-4.7.1-1"},
		"##":           {"MQTT-3.3.2-2", "MQTT-4.7.1-1"},
		"++":           {"MQTT-3.3.2-2", "MQTT-4.7.1-2"},
		"a+/b":         {"MQTT-3.3.2-2", "MQTT-4.7.1-2"},
		"a/+b":         {"MQTT-3.3.2-2", "MQTT-4.7.1-2"},
		"$share/":      {"", "MQTT-4.8.2-1"},
		"$share//":     {"", "MQTT-4.8.2-1"},
		"$share/g":     {"", "MQTT-4.8.2-2"},
		"$share/g/":    {"", "MQTT-4.8.2-2"},
		"$share/+/a":   {"MQTT-3.3.2-2", "MQTT-4.8.2-2"},
		"$share/g#/a":  {"MQTT-3.3.2-2", "MQTT-4.8.2-2"},
		"$share/g/a+":  {"MQTT-3.3.2-2", "MQTT-4.7.1-2"},
	} {
		expectClause(t, CheckTopic(text), want.topic, "topic "+text[:min(len(text), 20)])
		expectClause(t, CheckFilter(text), want.filter, "filter "+text[:min(len(text), 20)])
	}
}

func expectClause(t *testing.T, err error, clause, what string) {
	t.Helper()
	if clause == "" {
		if err != nil {
			t.Errorf("%q: %v", what, err)
		}
		return
	}
	code := MalformedPacket
	if clause == "MQTT-4.7.3-1" {
		code = ProtocolError
	}
	expectError(t, err, code, clause, what)
}

func TestSplitShared(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]struct {
		group, rest string
		ok, shared  bool
	}{
		"$share/g/a/b": {"g", "a/b", true, true},
		"$share/g//":   {"g", "/", true, true},
		"$share/g/#":   {"g", "#", true, true},
		"$share/g/":    {"g", "", false, true},
		"$share/g":     {"g", "", false, true},
		"$share/":      {"", "", false, true},
		"$share":       {"", "", false, false},
		"share/g/a":    {"", "", false, false},
		"a/$share/g/b": {"", "", false, false},
	} {
		group, rest, ok := SplitShared(filter)
		if group != want.group || rest != want.rest || ok != want.ok || IsShared(filter) != want.shared {
			t.Errorf("%q: %q, %q, %v, %v", filter, group, rest, ok, IsShared(filter))
		}
	}
}
