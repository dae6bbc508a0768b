package main

import (
	"bytes"
	"fmt"
	"path"
	"strings"
)

const preamble = `<!-- Written by go run ./core/internal/conform. Do not edit. -->
# Conformance

What the MQTT standard asks of a client, what this client does, and the tests that show it. The statements are
retold in our own words; the identifiers are those of the OASIS standard, where the full text is. Those that start with
X- are rules which the standard states without a number.

"Sends" and "receives" say when a statement binds the client. What a test shows is written above the test itself, as
CONTRIBUTING.md describes; this page is made from those marks. **open** means that no test shows it.

`

// render writes the whole page.
func render(reports []report, proofs map[string][]proof) []byte {
	var b bytes.Buffer
	b.WriteString(preamble)
	b.WriteString("| | bind a client | shown by tests | deferred | open |\n|---|---|---|---|---|\n")
	for _, r := range reports {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", r.edition.title, r.binding, r.shown, len(r.deferred), len(r.open))
	}
	for _, r := range reports {
		renderClient(&b, r, proofs)
	}
	for _, r := range reports {
		renderBroker(&b, r, proofs)
	}
	return b.Bytes()
}

func renderClient(b *bytes.Buffer, r report, proofs map[string][]proof) {
	fmt.Fprintf(b, "\n## %s\n", r.edition.title)
	section := ""
	for _, s := range r.edition.statements {
		if !s.client() {
			continue
		}
		if s.section != section {
			section = s.section
			fmt.Fprintf(b, "\n### %s\n\n| statement | binds | it asks | this client | shown by |\n|---|---|---|---|---|\n", section)
		}
		shown := links(proofs[s.key()], true)
		if reason := r.deferred[s.key()]; reason != "" {
			shown = "**open**: " + reason
		} else if shown == "" {
			shown = "**open**"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", s.id, binds[s.bound], s.asks, s.does, shown)
	}
}

var binds = map[string]string{"sender": "sends", "receiver": "receives", "both": "both"}

// renderBroker lists what binds brokers alone, and what the emulator's tests show besides.
func renderBroker(b *bytes.Buffer, r report, proofs map[string][]proof) {
	fmt.Fprintf(b, "\n## %s: for brokers\n\n", r.edition.title)
	b.WriteString("Statements that bind brokers alone, and others that the emulator's own tests show for its broker.\n\n")
	b.WriteString("| statement | it asks | shown by |\n|---|---|---|\n")
	for _, s := range r.edition.statements {
		shown := links(proofs[s.key()], false)
		if s.client() && shown == "" {
			continue
		}
		if !s.client() {
			shown = strings.Trim(shown+", "+links(proofs[s.key()], true), ", ")
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", s.id, s.asks, shown)
	}
}

// links lists the proofs of one side, relative to the folder of the table.
func links(list []proof, client bool) string {
	var out []string
	for _, p := range list {
		if p.client == client {
			out = append(out, fmt.Sprintf("[%s](%s)", p.name, relative(path.Dir(table), p.file)))
		}
	}
	return strings.Join(out, ", ")
}

// relative is filepath.Rel for slash-separated paths below one root.
func relative(from, to string) string {
	if rest, ok := strings.CutPrefix(to, from+"/"); ok {
		return rest
	}
	return strings.Repeat("../", strings.Count(from, "/")+1) + to
}
