package packet

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A vector is one entry of the files in testdata/golden and testdata/malformed:
//
//	-- name
//	v5 v311                    versions, then options: decode, strict, limit=16
//	30 06 00 01 "t" 00 61*2    bytes: hexadecimal, text in quotes, repeated with *n; # starts a comment
//	Topic = "t"                golden: the fields of the packet that are not zero
//	! 0x81 MQTT-1.5.4-1        malformed: reason code and clause of the error
type vector struct {
	file, name string
	line       int
	versions   []Version
	options    map[string]string
	wire       []byte
	fields     []string
	code       ReasonCode
	clause     string
}

func (v *vector) String() string { return fmt.Sprintf("%s:%d", v.file, v.line) }

// loadVectors reads all vectors of a folder below testdata.
func loadVectors(t testing.TB, folder string) []*vector {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors in %s: %v", folder, err)
	}
	var all []*vector
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		number, start := 0, len(all)
		for line := range strings.Lines(string(text)) {
			number++
			line = strings.TrimRight(line, "\n")
			if name, ok := strings.CutPrefix(line, "-- "); ok {
				all = append(all, &vector{file: filepath.Base(file), name: name, line: number})
				continue
			}
			fields := tokens(t, file, number, line)
			if len(fields) == 0 {
				continue
			}
			if len(all) == start {
				t.Fatalf("%s:%d: text before the first vector", file, number)
			}
			all[len(all)-1].add(t, number, fields)
		}
	}
	return all
}

func (v *vector) add(t testing.TB, number int, fields []string) {
	t.Helper()
	switch {
	case v.options == nil:
		v.options = map[string]string{}
		for _, f := range fields {
			switch name, value, _ := strings.Cut(f, "="); name {
			case "v5":
				v.versions = append(v.versions, V5)
			case "v311":
				v.versions = append(v.versions, V311)
			case "decode", "strict", "limit":
				v.options[name] = value
			default:
				t.Fatalf("%s:%d: option %q", v.file, number, f)
			}
		}
	case fields[0] == "!":
		v.code, v.clause = ReasonCode(number8(t, fields[1])), fields[2]
	case len(fields) > 1 && fields[1] == "=":
		v.fields = append(v.fields, strings.Join(fields, " "))
	default:
		for _, f := range fields {
			v.wire = append(v.wire, literal(t, f)...)
		}
	}
}

// tokens cuts a line at spaces outside quotes and drops the comment.
func tokens(t testing.TB, file string, number int, line string) []string {
	t.Helper()
	var out []string
	for {
		line = strings.TrimLeft(line, " ")
		if line == "" || line[0] == '#' {
			return out
		}
		n := 0
		if line[0] == '"' {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				t.Fatalf("%s:%d: %v", file, number, err)
			}
			n = len(quoted)
		}
		for n < len(line) && line[n] != ' ' {
			n++
		}
		out = append(out, line[:n])
		line = line[n:]
	}
}

// literal reads hexadecimal digits or quoted text, with an optional repetition.
func literal(t testing.TB, token string) string {
	t.Helper()
	times := 1
	if i := strings.LastIndexByte(token, '*'); i > 0 && !strings.HasSuffix(token, `"`) {
		n, err := strconv.Atoi(token[i+1:])
		if err != nil {
			t.Fatalf("%q: %v", token, err)
		}
		token, times = token[:i], n
	}
	var text string
	if token[0] == '"' {
		s, err := strconv.Unquote(token)
		if err != nil {
			t.Fatalf("%s: %v", token, err)
		}
		text = s
	} else {
		b, err := hex.DecodeString(token)
		if err != nil {
			t.Fatalf("%s: %v", token, err)
		}
		text = string(b)
	}
	return strings.Repeat(text, times)
}

func (v *vector) number(t testing.TB, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 0, 32)
	if err != nil {
		t.Fatalf("%v: %v", v, err)
	}
	return n
}

func number8(t testing.TB, s string) uint8 {
	t.Helper()
	n, err := strconv.ParseUint(s, 0, 8)
	if err != nil {
		t.Fatal(err)
	}
	return uint8(n)
}

// frame cuts the bytes of a vector, which are one whole packet.
func (v *vector) frame(t testing.TB) Frame {
	t.Helper()
	f, n, err := ScanFrame(v.wire, 0)
	if err != nil || n != len(v.wire) {
		t.Fatalf("%v: the packet has %d of %d bytes: %v", v, n, len(v.wire), err)
	}
	return f
}
