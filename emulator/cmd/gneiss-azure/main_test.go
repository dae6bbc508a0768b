package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What it prints are commands for a shell, and the authority is there.
func TestRun(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	dir := filepath.Join(t.TempDir(), "azure")
	cancel()
	if err := run(ctx, dir, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"export IDENTITY_ENDPOINT='http://127.0.0.1:", "go run ./samples/azure-eventgrid -host localhost:", "export DPS_KEY='",
		"HostName=localhost:", "-scope 0ne00000001 -id sn-007", "ca.pem -websocket\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it did not print %q", want)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "ca.pem")); err != nil || bytes.Count(text, []byte("BEGIN CERTIFICATE")) != 3 {
		t.Errorf("%s, %v", text, err)
	}
}
