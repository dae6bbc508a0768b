package packet

import "strings"

// SharePrefix starts the filter of a shared subscription: $share/{group}/{filter}.
const SharePrefix = "$share/"

// CheckTopic reports why name cannot be a topic name, nil where it can.
func CheckTopic(name string) error {
	if e := checkTopic(0, name, false); e != nil {
		return e
	}
	return nil
}

func checkTopic(t Type, name string, strict bool) *Error {
	if plain, wildcard := scan(name); plain && !wildcard && name != "" && len(name) <= maxField {
		return nil
	}
	if e := checkTopicText(t, "topic name", name, strict); e != nil {
		return e
	}
	if HasWildcard(name) {
		return malformed(t, "MQTT-3.3.2-2", "topic name has a wildcard") // and [MQTT-4.7.0-1]
	}
	return nil
}

// checkTopicText applies what topic names and filters have in common.
func checkTopicText(t Type, field, s string, strict bool) *Error {
	if s == "" {
		return protocolError(t, "MQTT-4.7.3-1", field+" is empty")
	}
	if len(s) > maxField {
		return malformed(t, "MQTT-4.7.3-3", field+" is longer than 65,535 bytes")
	}
	if clause, detail := checkString(s, strict); clause != "" {
		return malformed(t, clause, field+": "+detail)
	}
	return nil
}

// CheckFilter reports why filter cannot be a topic filter, nil where it can. A filter that starts with $share/ has to
// be one of a shared subscription, under MQTT 3.1.1 too: servers offer them there as well.
func CheckFilter(filter string) error {
	if e := checkFilter(0, filter, false); e != nil {
		return e
	}
	return nil
}

func checkFilter(t Type, filter string, strict bool) *Error {
	if e := checkTopicText(t, "topic filter", filter, strict); e != nil {
		return e
	}
	if after, shared := strings.CutPrefix(filter, SharePrefix); shared {
		group, rest, _ := strings.Cut(after, "/")
		switch {
		case group == "":
			return malformed(t, "MQTT-4.8.2-1", "the group of a shared subscription is empty")
		case HasWildcard(group):
			return malformed(t, "MQTT-4.8.2-2", "the group of a shared subscription has a wildcard")
		case rest == "":
			return malformed(t, "MQTT-4.8.2-2", "a shared subscription has no filter behind its group")
		}
		filter = rest
	}
	for i := range len(filter) {
		c := filter[i]
		if c != '+' && c != '#' {
			continue
		}
		alone := i == 0 || filter[i-1] == '/'
		last := i == len(filter)-1
		switch {
		case c == '#' && !(alone && last):
			return malformed(t, "MQTT-4.7.1-1", "# does not stand alone in the last level of the topic filter")
		case c == '+' && !(alone && (last || filter[i+1] == '/')):
			return malformed(t, "MQTT-4.7.1-2", "+ does not fill a whole level of the topic filter")
		}
	}
	return nil
}

// SplitShared takes a shared subscription's filter apart. ok is false where filter is not one, or is cut short.
func SplitShared(filter string) (group, rest string, ok bool) {
	after, found := strings.CutPrefix(filter, SharePrefix)
	if !found {
		return "", "", false
	}
	group, rest, found = strings.Cut(after, "/")
	return group, rest, found && group != "" && rest != ""
}

// IsShared reports whether the filter is one of a shared subscription.
func IsShared(filter string) bool { return strings.HasPrefix(filter, SharePrefix) }

// HasWildcard reports whether the filter has + or #.
func HasWildcard(filter string) bool {
	return strings.IndexByte(filter, '#') >= 0 || strings.IndexByte(filter, '+') >= 0
}

// Match reports whether a topic name matches a filter, both valid; a shared filter matches as its inner one.
// Levels are compared byte by byte [MQTT-4.7.3-4], and a leading wildcard does not match a topic that starts
// with $ [MQTT-4.7.2-1].
func Match(filter, topic string) bool {
	if _, rest, ok := SplitShared(filter); ok {
		filter = rest
	}
	if topic != "" && topic[0] == '$' && filter != "" && (filter[0] == '+' || filter[0] == '#') {
		return false
	}
	f, t := 0, 0
	for f < len(filter) {
		switch {
		case filter[f] == '#':
			return true
		case filter[f] == '+':
			f++
			if n := strings.IndexByte(topic[t:], '/'); n >= 0 {
				t += n
			} else {
				t = len(topic)
			}
		case t == len(topic):
			return filter[f:] == "/#" // a/# also matches its parent a (section 4.7.1.2)
		case filter[f] != topic[t]:
			return false
		default:
			f, t = f+1, t+1
		}
	}
	return t == len(topic)
}
