package main

import (
	"bytes"
	"testing"
)

// The sample's own claims are the test.
func TestRun(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), &out); err != nil {
		t.Fatalf("%v\nit said:\n%s", err, out.String())
	}
	if n := bytes.Count(out.Bytes(), []byte("✓")); n != 15 {
		t.Errorf("%d claims were checked, want 15:\n%s", n, out.String())
	}
}
