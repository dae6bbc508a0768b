package main

import (
	"path"
	"slices"
)

// A deferral allows statements to be open for a stated reason, until the
// workspace has the module that makes them ours.
type deferral struct {
	pattern string // as in path.Match, against statement.key
	reason  string
	until   string // module folder; empty: until the line is removed here
}

// deferrals is the whole list of what may be open.
var deferrals = []deferral{
	{pattern: "MQTT-4.12.*", reason: "enhanced authentication is not driven by the client yet"},
	{pattern: "MQTT-3.15.*", reason: "enhanced authentication is not driven by the client yet"},
	{pattern: "MQTT-3.1.2-30", reason: "enhanced authentication is not driven by the client yet"},
	{pattern: "MQTT-6.0.0-*", reason: "there is no WebSocket transport yet", until: "builders/websocket"},
	{pattern: "v3:MQTT-6.0.0-*", reason: "there is no WebSocket transport yet", until: "builders/websocket"},
}

// A report is an edition with what the tests show of it.
type report struct {
	edition  edition
	binding  int               // statements that bind a client
	shown    int               // of these, shown by a test
	open     []statement       // of these, without a test and without a deferral
	deferred map[string]string // of these, without a test: key to reason
}

func judge(e edition, proofs map[string][]proof, modules []string) report {
	r := report{edition: e, deferred: make(map[string]string)}
	for _, s := range e.statements {
		if !s.client() {
			continue
		}
		r.binding++
		if slices.ContainsFunc(proofs[s.key()], func(p proof) bool { return p.client }) {
			r.shown++
		} else if reason := deferredFor(s.key(), modules); reason != "" {
			r.deferred[s.key()] = reason
		} else {
			r.open = append(r.open, s)
		}
	}
	return r
}

// deferredFor returns why the statement may be open, or "".
func deferredFor(key string, modules []string) string {
	for _, d := range deferrals {
		if ok, _ := path.Match(d.pattern, key); ok && !slices.Contains(modules, d.until) {
			return d.reason
		}
	}
	return ""
}
