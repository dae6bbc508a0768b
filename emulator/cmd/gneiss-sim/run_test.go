package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestSummary(t *testing.T) {
	t.Parallel()
	profile := filepath.Join(t.TempDir(), "cpu")
	code, out, _ := call(t, "-seeds", "2", "-first", "7", "-workers", "1", "-cpuprofile", profile)
	if code != exitOK || !strings.HasPrefix(out, "seeds 2, simulated ") || !strings.Contains(out, "violations 0") ||
		!strings.Contains(out, "broker loses sessions") || !strings.Contains(out, "simulated seconds in each") {
		t.Errorf("exit %d\n%s", code, out)
	}
	if s, err := os.Stat(profile); err != nil || s.Size() == 0 {
		t.Errorf("profile: %v", err)
	}
}

func TestTrace(t *testing.T) {
	t.Parallel()
	hash := regexp.MustCompile(`(?m)^hash [0-9a-f]{16}$`)
	code, out, _ := call(t, "-seed", "7")
	codeTraced, traced, _ := call(t, "-seed", "7", "-trace")
	if code != exitOK || codeTraced != exitOK || hash.FindString(out) == "" || hash.FindString(out) != hash.FindString(traced) {
		t.Errorf("exit %d and %d, hashes %q and %q", code, codeTraced, hash.FindString(out), hash.FindString(traced))
	}
	if !strings.Contains(traced, "> CONNECT") || !strings.Contains(traced, "< CONNACK") || strings.Contains(out, "CONNACK ") {
		t.Errorf("the trace has no packets, or there is one that was not asked for")
	}
}

func TestLong(t *testing.T) {
	t.Parallel()
	code, out, _ := call(t, "-long", "1s", "-workers", "1")
	if code != exitOK || !regexp.MustCompile(`^seeds [1-9]`).MatchString(out) {
		t.Errorf("exit %d\n%s", code, out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var b bytes.Buffer
	if code := run(ctx, []string{"-long", "1h"}, &b, &b); code != exitOK || !strings.HasPrefix(b.String(), "seeds 0, ") {
		t.Errorf("interrupted: exit %d\n%s", code, b.String())
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-seeds", "0"}, {"-trace"}, {"x"}, {"-nonsense"}, {"-long", "-1s"}, {"-cpuprofile", "/nonexistent/x"}} {
		if code, _, errs := call(t, args...); code != exitUsage || errs == "" {
			t.Errorf("%v: exit %d, %q", args, code, errs)
		}
	}
	if code, _, errs := call(t, "-h"); code != exitOK || !strings.Contains(errs, "-seeds") {
		t.Errorf("-h: exit %d, %q", code, errs)
	}
}
