package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestMain makes the test's own program the device where it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == deviceWord {
		main()
		return
	}
	os.Exit(m.Run())
}

// The sample's own claims are the test.
func TestRun(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), nil, &out); err != nil {
		t.Fatalf("%v\nit said:\n%s", err, out.String())
	}
	if n := bytes.Count(out.Bytes(), []byte("✓")); n != 8 {
		t.Errorf("%d claims were checked, want 8:\n%s", n, out.String())
	}
}

// What arrives twice, out of order or not at all is found.
func TestTally(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		"0/0 0/1 1/0 1/1":   "",
		"0/0 0/0 1/0":       "reading 0 came where 1",
		"0/0 0/2":           "reading 2 came where 1",
		"0/0 1/0 0/1":       `"0/1", after one of life 1`,
		"0/0 2/0":           "after one of life 0",
		"0/0 something/odd": "after one of life 0",
	} {
		d := &dashboard{list: strings.Fields(list)}
		arrived, err := d.tally(2)
		switch {
		case want == "" && (err != nil || arrived[0] != 2 || arrived[1] != 2):
			t.Errorf("%s: %v, %v", list, arrived, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", list, err, want)
		}
	}
}

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"extra"}, {deviceWord}, {deviceWord, "mqtt://127.0.0.1:1", t.TempDir(), "0", "many"},
		{deviceWord, "nonsense", t.TempDir(), "0", "1"}, {deviceWord, "mqtt://127.0.0.1:1", "main.go/dir", "0", "1"},
	} {
		var out bytes.Buffer
		if err := run(t.Context(), args, &out); err == nil {
			t.Errorf("%q: no error; it said %q", args, out.String())
		}
	}
}
