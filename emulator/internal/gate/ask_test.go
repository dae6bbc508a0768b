package gate

import (
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

func TestParameters(t *testing.T) {
	t.Parallel()
	for username, want := range map[string]struct{ user, key, value string }{
		"alice":                        {"alice", "tok", ""},
		"alice?Tok=a%2Fb%2Bc%3D%3D":    {"alice", "tok", "a/b+c=="},
		"?tok=a/b+c==&SDK=x":           {"", "tok", "a/b+c=="},
		"a?b?tok=1":                    {"a?b", "tok", "1"},
		"?tok=1&tok=2":                 {"", "tok", "1"},
		"?tok=100%":                    {"", "tok", "100%"},
		"?tok":                         {"", "tok", ""},
		"?SDK=x&Metadata=(k=v;l=w)":    {"", "metadata", "(k=v;l=w)"},
		"?":                            {"", "", ""},
		"bob?x-amz-y=1&&=2&tok=%zz&a=": {"bob", "tok", "%zz"},
	} {
		user, query := splitUsername(username)
		m := parameters{}
		m.addQuery(query)
		if user != want.user || m[want.key] != want.value {
			t.Errorf("%q: user %q, %v", username, user, m)
		}
	}
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) broker.Instant { return broker.Instant(0).Add(d) }
	var b bucket
	for i := range 10 {
		if !b.take(at(0), 1, 10, 10) {
			t.Fatalf("%d is refused", i)
		}
	}
	if b.take(at(0), 1, 10, 10) || b.take(at(50*time.Millisecond), 1, 10, 10) || !b.take(at(100*time.Millisecond), 1, 10, 10) || b.take(at(100*time.Millisecond), 1, 10, 10) {
		t.Error("a token comes every 100 ms")
	}
	if b.full(at(time.Second), 10) || !b.full(at(2*time.Second), 10) {
		t.Error("the bucket fills in a second")
	}
	var large bucket // one large thing passes a bucket that is full, and what follows waits for it
	if !large.take(at(0), 100, 10, 10) || large.take(at(9*time.Second), 1, 10, 10) || !large.take(at(10*time.Second), 1, 10, 10) {
		t.Error("a large thing costs what it costs")
	}
	if !large.take(at(0), 1<<30, -1, -1) {
		t.Error("there is no limit")
	}
}
