package main

import (
	"bufio"
	"embed"
	"fmt"
	"strings"
)

//go:embed statements/v5.txt statements/v311.txt
var statementFiles embed.FS

// A statement is one thing the standard asks for.
type statement struct {
	id      string // as in the standard
	prefix  string // of the edition, for markers
	section string // heading it stands under
	bound   string // sender, receiver, both or server
	asks    string
	does    string // what this client does; empty for server
}

// key is the identifier as markers write it.
func (s statement) key() string { return s.prefix + s.id }

// client reports whether the statement binds a client.
func (s statement) client() bool { return s.bound != "server" }

// An edition is one version of the standard.
type edition struct {
	title      string
	prefix     string // before the identifiers of this edition in markers
	statements []statement
}

func loadEditions() ([]edition, error) {
	editions := []edition{
		{title: "MQTT 5.0"},
		{title: "MQTT 3.1.1", prefix: "v3:"},
	}
	for i, name := range []string{"statements/v5.txt", "statements/v311.txt"} {
		text, err := statementFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		editions[i].statements, err = parseStatements(name, editions[i].prefix, string(text))
		if err != nil {
			return nil, err
		}
	}
	return editions, nil
}

// parseStatements reads "id | bound | asks | does" lines under "== section" headings.
func parseStatements(name, prefix, text string) ([]statement, error) {
	var list []statement
	seen := make(map[string]bool)
	section, number := "", 0
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		number++
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if heading, ok := strings.CutPrefix(line, "== "); ok {
			section = heading
			continue
		}
		s, err := parseStatement(line)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s:%d: %w", name, number, err)
		case section == "":
			return nil, fmt.Errorf("%s:%d: %s stands before the first section", name, number, s.id)
		case seen[s.id]:
			return nil, fmt.Errorf("%s:%d: %s is there twice", name, number, s.id)
		}
		seen[s.id] = true
		s.prefix, s.section = prefix, section
		list = append(list, s)
	}
	return list, lines.Err()
}

func parseStatement(line string) (statement, error) {
	fields := strings.Split(line, "|")
	if len(fields) != 4 {
		return statement{}, fmt.Errorf("%d fields, want id | bound | asks | does", len(fields))
	}
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	s := statement{id: fields[0], bound: fields[1], asks: fields[2], does: fields[3]}
	switch s.bound {
	case "sender", "receiver", "both":
		if s.does == "" {
			return s, fmt.Errorf("%s binds the client but says nothing about it", s.id)
		}
	case "server":
	default:
		return s, fmt.Errorf("%s binds %q, want sender, receiver, both or server", s.id, s.bound)
	}
	if s.id == "" || s.asks == "" {
		return s, fmt.Errorf("empty field in %q", line)
	}
	return s, nil
}
