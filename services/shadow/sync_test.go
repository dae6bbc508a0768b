package shadow_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/services/shadow"
)

type lamp struct {
	On     bool     `json:"on"`
	Level  int      `json:"level,omitempty"`
	Color  *string  `json:"color,omitempty"`
	Scenes []string `json:"scenes,omitempty"`
}

// keep starts a sync that is closed at the end of the test. Errors are noted.
func keep(t *testing.T, s *shadow.Client, value lamp, optFns ...func(*shadow.SyncOptions[lamp])) (*shadow.Sync[lamp], chan error) {
	t.Helper()
	errs := make(chan error, 1000)
	k, err := shadow.Start(s, value, append(optFns, func(o *shadow.SyncOptions[lamp]) { o.Report = func(err error) { errs <- err } })...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k, errs
}

// wait waits until all that is under way has arrived, and then for the sync.
func wait(t *testing.T, k *shadow.Sync[lamp]) {
	t.Helper()
	synctest.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if err := k.Wait(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestSync(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		s, _ := c.connect()
		k, errs := keep(t, s, lamp{On: true, Level: 3})
		wait(t, k)
		c.wantReported(classic, `{"on":true,"level":3}`)

		// What the device changes: only that is sent.
		if err := k.Change(t.Context(), func(l *lamp) { l.Level = 0 }); err != nil {
			t.Error(err)
		}
		c.wantReported(classic, `{"on":true}`)
		// What applications desire.
		c.update(classic, `{"state":{"desired":{"on":false,"scenes":["night"],"unknown":1}}}`)
		c.wantReported(classic, `{"on":false,"scenes":["night"]}`)
		if v := k.Value(); v.On || len(v.Scenes) != 1 {
			t.Errorf("the value is %+v", v)
		}
		// Nothing changed: nothing is written.
		c.took()
		if err := k.Set(t.Context(), k.Value()); err != nil {
			t.Error(err)
		}
		c.update(classic, `{"state":{"desired":{"unknown":2}}}`)
		if got := c.took(); got != "" {
			t.Errorf("the service got %q", got)
		}
		if len(errs) > 0 {
			t.Error(<-errs)
		}
		if k.Version() != 5 {
			t.Errorf("version %d", k.Version())
		}
	})
}

// A value that is in the shadow already is not written again.
func TestSyncWritesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		c.shadows[classic] = &document{desired: map[string]any{"on": true}, reported: map[string]any{"on": true, "level": 4.0}, version: 8}
		s, _ := c.connect()
		k, _ := keep(t, s, lamp{On: true, Level: 4})
		wait(t, k)
		if got := c.took(); got != "get" {
			t.Errorf("the service got %q", got)
		}
	})
}

// What was desired while the device was away reaches it with the first read.
func TestSyncCatchesUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		c.shadows[classic] = &document{desired: map[string]any{"on": true, "color": "red"}, reported: map[string]any{"gone": 1.0}, version: 8}
		s, _ := c.connect()
		k, _ := keep(t, s, lamp{})
		wait(t, k)
		c.wantReported(classic, `{"on":true,"color":"red"}`)
		if v := k.Value(); !v.On || v.Color == nil {
			t.Errorf("the value is %+v", v)
		}
	})
}

// Somebody else writes between the read and the write.
func TestSyncConflicts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		n := 0
		c.refuse = func(operation string) (int, string) {
			if d := c.shadows[classic]; operation == "update" && n < 3 && d != nil {
				n++
				d.version++ // without a delta that would tell
				d.reported["level"] = float64(n)
				return 409, "Version conflict"
			}
			return 0, ""
		}
		s, _ := c.connect()
		k, errs := keep(t, s, lamp{On: true})
		wait(t, k)
		if err := k.Set(t.Context(), lamp{On: false, Level: 9}); err != nil {
			t.Error(err)
		}
		c.wantReported(classic, `{"on":false,"level":9}`)
		if got := c.took(); got != "get update update get update get update get update" || len(errs) > 0 {
			t.Errorf("the service got %q, %d errors", got, len(errs))
		}
	})
}

// Deltas that are late or come twice change nothing; a gap in the versions is read up.
func TestSyncStaleDeltas(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		s, _ := c.connect()
		applied := 0
		k, _ := keep(t, s, lamp{}, func(o *shadow.SyncOptions[lamp]) {
			o.Apply = func(_ context.Context, _, want lamp) (lamp, error) { applied++; return want, nil }
		})
		wait(t, k)
		c.update(classic, `{"state":{"desired":{"level":5}}}`)
		c.wantReported(classic, `{"on":false,"level":5}`)
		c.took()
		stamp := time.Now().Add(-time.Minute).Unix()
		c.send(classic+"update/delta", fmt.Sprintf(`{"version":2,"timestamp":%d,"state":{"level":4}}`, stamp))
		c.send(classic+"update/delta", fmt.Sprintf(`{"version":1,"timestamp":%d,"state":{"level":3}}`, stamp))
		c.wantReported(classic, `{"on":false,"level":5}`)
		if got := c.took(); got != "" || applied != 1 {
			t.Errorf("the service got %q, applied %d times", got, applied)
		}
		c.send(classic+"update/delta", fmt.Sprintf(`{"version":9,"timestamp":%d,"state":{"level":4}}`, stamp))
		wait(t, k)
		if got := c.took(); got != "get" || k.Value().Level != 5 {
			t.Errorf("the service got %q, level %d", got, k.Value().Level)
		}
	})
}

// A version that never was makes the Sync read the shadow, and no delta that comes meanwhile is late.
func TestSyncForgedVersion(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		s, _ := c.connect()
		k, _ := keep(t, s, lamp{Level: 3})
		wait(t, k)
		reads := 0
		c.set(func(c *cloud) {
			c.refuse = func(operation string) (int, string) {
				if operation != "get" {
					return 0, ""
				}
				switch reads++; reads {
				case 1: // the answer will be older than this
					c.conn.Send(&packet.Publish{Topic: classic + "update/delta", Payload: []byte(`{"version":2,"state":{"level":9}}`)})
				case 2:
					d := c.shadows[classic]
					d.desired["level"], d.version = 9.0, 2
				}
				return 0, ""
			}
		})
		c.send(classic+"update/delta", `{"version":9007199254740991,"state":{}}`)
		time.Sleep(time.Minute)
		if got := k.Value().Level; got != 9 || reads < 2 {
			t.Errorf("level %d after %d reads", got, reads)
		}
		c.wantReported(classic, `{"on":false,"level":9}`)
	})
}

// A shadow that was deleted and made anew counts from 1.
func TestSyncAfterDelete(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		s, _ := c.connect()
		k, _ := keep(t, s, lamp{On: true})
		wait(t, k)
		for i := range 5 {
			if err := k.Set(t.Context(), lamp{On: true, Level: i}); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(50 * time.Hour)
		c.set(func(c *cloud) { delete(c.shadows, classic) })
		c.update(classic, `{"state":{"desired":{"level":1}}}`)
		c.wantReported(classic, `{"on":true,"level":1}`)
		// And deleted again, while the device writes.
		c.set(func(c *cloud) { delete(c.shadows, classic) })
		if err := k.Set(t.Context(), lamp{Level: 7}); err != nil {
			t.Error(err)
		}
		c.wantReported(classic, `{"on":false,"level":7}`)
	})
}

// After a lost session the shadow is read again, after a resumed one it is not.
func TestSyncReconnect(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		c.keep = true
		s, m := c.connect()
		k, _ := keep(t, s, lamp{On: true})
		wait(t, k)
		c.took()
		c.cut(m)
		if got := c.took(); got != "" {
			t.Errorf("the service got %q", got)
		}
		c.set(func(c *cloud) {
			c.keep = false
			c.shadows[classic].desired["level"] = 6.0 // a delta that nobody heard
			c.shadows[classic].version++
		})
		c.cut(m)
		wait(t, k)
		c.wantReported(classic, `{"on":true,"level":6}`)
	})
}

// A device that starts without a connection works with its value, and reports it later.
func TestSyncOffline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		c.Refuse(errors.New("no network"), errors.New("no network"))
		s, _ := c.connect()
		c.set(func(c *cloud) { c.silent = true })
		k, errs := keep(t, s, lamp{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		wantErr(t, k.Set(ctx, lamp{Level: 2}), context.DeadlineExceeded)
		if k.Value().Level != 2 || len(errs) == 0 {
			t.Errorf("the value is %+v, %d errors", k.Value(), len(errs))
		}
		c.set(func(c *cloud) { c.silent = false })
		wait(t, k)
		c.wantReported(classic, `{"on":false,"level":2}`)
	})
}

// Apply decides what the device becomes; errors and panics are reported and tried again.
func TestSyncApply(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		s, _ := c.connect()
		calls := 0
		k, errs := keep(t, s, lamp{Level: 1}, func(o *shadow.SyncOptions[lamp]) {
			o.Apply = func(_ context.Context, was, want lamp) (lamp, error) {
				switch calls++; calls {
				case 1:
					return want, errors.New("stuck")
				case 2:
					panic("burnt")
				}
				want.Level = min(want.Level, 5)
				return want, nil
			}
		})
		wait(t, k)
		c.update(classic, `{"state":{"desired":{"level":9}}}`)
		wait(t, k)
		c.wantReported(classic, `{"on":false,"level":5}`)
		if calls != 4 { // once more with the delta that its own report brings: that the device cannot is no secret
			t.Errorf("%d calls", calls)
		}
		if len(errs) != 2 || !strings.Contains((<-errs).Error(), "stuck") || !strings.Contains((<-errs).Error(), "burnt") {
			t.Errorf("%d errors", len(errs))
		}
		c.took()
		c.update(classic, `{"state":{"desired":{"level":"high"}}}`) // no number
		synctest.Wait()
		if _, ok := errors.AsType[*shadow.MalformedError](<-errs); !ok || c.took() != "" {
			t.Error("what does not fit is not reported as such")
		}
	})
}

// The device's own change against what is desired: who wins is a choice.
func TestSyncWhoWins(t *testing.T) {
	for _, local := range []bool{false, true} {
		t.Run(fmt.Sprint(local), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newCloud(t)
				c.shadows[classic] = &document{desired: map[string]any{"level": 5.0, "on": true}, reported: map[string]any{}, version: 1}
				s, _ := c.connect()
				k, _ := keep(t, s, lamp{}, func(o *shadow.SyncOptions[lamp]) { o.LocalWins = local })
				wait(t, k)
				if err := k.Change(t.Context(), func(l *lamp) { l.Level = 2 }); err != nil {
					t.Error(err)
				}
				wait(t, k)
				if local {
					c.wantReported(classic, `{"on":true,"level":2}`)
				} else {
					c.wantReported(classic, `{"on":true,"level":5}`)
				}
				desired, _ := json.Marshal(c.shadows[classic].desired)
				if want := map[bool]string{true: `{"on":true}`, false: `{"level":5,"on":true}`}[local]; string(desired) != want {
					t.Errorf("desired is %s", desired)
				}
			})
		})
	}
}

// What the service will never take is told to whoever waits; another value may do.
func TestSyncRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		s, _ := c.connect()
		c.refuse = func(op string) (int, string) {
			if op == "update" && c.shadows[classic] == nil {
				return 413, "The payload exceeds the maximum size allowed"
			}
			return 0, ""
		}
		k, _ := keep(t, s, lamp{})
		wantErr(t, k.Wait(t.Context()), shadow.ErrTooLarge)
		time.Sleep(time.Hour)
		if got := c.took(); strings.Count(got, "update") > 2 { // once for the value, once because the stream is there
			t.Errorf("the service got %q", got)
		}
		c.set(func(c *cloud) { c.refuse = nil })
		if err := k.Set(t.Context(), lamp{Level: 1}); err != nil {
			t.Error(err)
		}
		c.set(func(c *cloud) { c.refuse = func(string) (int, string) { return 403, "Forbidden" } })
		if err := k.Set(t.Context(), lamp{Scenes: []string{strings.Repeat("x", 200_000)}}); err == nil {
			t.Error("more than the broker takes is taken")
		} else if _, ok := errors.AsType[*mqtt.LimitError](err); !ok {
			t.Error(err)
		}
		wantErr(t, k.Set(t.Context(), lamp{Level: 2}), shadow.ErrForbidden)
		c.set(func(c *cloud) { c.refuse = nil })
		time.Sleep(2 * time.Minute) // somebody has changed the policy
		c.wantReported(classic, `{"on":false,"level":2}`)
	})
}

// A policy that forbids the stream of deltas is an error, until it is changed.
func TestSyncDenied(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		c.deny = func(f string) bool { return strings.HasSuffix(f, "delta") }
		s, _ := c.connect()
		k, _ := keep(t, s, lamp{})
		if err := k.Wait(t.Context()); err == nil {
			t.Error("no error")
		} else if _, ok := errors.AsType[*mqtt.ReasonError](err); !ok {
			t.Error(err)
		}
		c.set(func(c *cloud) { c.deny = nil })
		time.Sleep(5 * time.Second)
		wait(t, k)
	})
}

func TestSyncEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		c.silent = true
		s, m := c.connect()
		k, _ := keep(t, s, lamp{})
		over := make(chan error, 2)
		go func() { over <- k.Wait(t.Context()) }()
		synctest.Wait()
		k.Close()
		wantErr(t, <-over, shadow.ErrStopped)
		k, _ = keep(t, s, lamp{})
		go func() { over <- k.Wait(t.Context()) }()
		synctest.Wait()
		m.Close()
		wantErr(t, <-over, mqtt.ErrClosed)
		if _, err := shadow.Start(s, 7); err == nil {
			t.Error("a number is accepted")
		}
	})
}

// Changes from both sides while the connection is cut and versions conflict: in the end all is equal.
func TestSyncChaos(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		n := 0
		c.refuse = func(op string) (int, string) {
			if n++; n%7 == 0 {
				return 429, "Too many requests"
			}
			return 0, ""
		}
		s, m := c.connect()
		k, _ := keep(t, s, lamp{On: true})
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() { _ = k.Change(t.Context(), func(l *lamp) { l.Level = i }) })
			c.update(classic, fmt.Sprintf(`{"state":{"desired":{"scenes":["s%d"]}}}`, i))
			switch i % 10 {
			case 3:
				c.set(func(c *cloud) { c.keep = !c.keep })
				c.cut(m)
			case 6:
				c.cut(m)
			}
			if i%4 == 0 {
				time.Sleep(time.Second)
			}
		}
		wg.Wait()
		wait(t, k)
		synctest.Wait()
		want, _ := json.Marshal(k.Value())
		c.wantReported(classic, string(want))
		if v := k.Value(); len(v.Scenes) != 1 || v.Scenes[0] != "s59" {
			t.Errorf("the value is %+v", v)
		}
	})
}

func TestTyped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		s, _ := c.connect()
		ty := shadow.As[lamp](s)
		if _, err := ty.Report(t.Context(), lamp{Level: 3}); err != nil {
			t.Error(err)
		}
		got := make(chan lamp, 9)
		bad := make(chan error, 9)
		if _, err := ty.Deltas(t.Context(), func() lamp { return lamp{Level: 3} }, func(l lamp, _ *shadow.Delta) { got <- l },
			func(o *shadow.StreamOptions) { o.Malformed = func(err *shadow.MalformedError) { bad <- err } }); err != nil {
			t.Fatal(err)
		}
		if _, err := ty.Desire(t.Context(), lamp{On: true}); err != nil {
			t.Error(err)
		}
		if l := <-got; !l.On || l.Level != 3 {
			t.Errorf("got %+v", l)
		}
		doc, err := ty.Get(t.Context())
		if err != nil || !doc.Desired.On || doc.Reported.Level != 3 || doc.Version != 2 {
			t.Errorf("got %+v, %v", doc, err)
		}
		c.update(classic, `{"state":{"desired":{"level":"x"}}}`)
		<-bad
		_, err = ty.Get(t.Context())
		if _, ok := errors.AsType[*shadow.MalformedError](err); !ok {
			t.Error(err)
		}
	})
}

// A service whose versions make no sense is not asked without end.
func TestSyncRestless(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		c.refuse = func(op string) (int, string) {
			if d := c.shadows[classic]; d != nil && op == "get" {
				d.reported = map[string]any{} // it forgets what it was told
				d.version--
			}
			return 0, ""
		}
		c.shadows[classic] = &document{desired: map[string]any{}, reported: map[string]any{}, version: 100}
		s, _ := c.connect()
		k, _ := keep(t, s, lamp{On: true})
		time.Sleep(time.Minute)
		if got := strings.Count(c.took(), "update"); got > 500 {
			t.Errorf("%d updates in a minute", got)
		}
		k.Close()
	})
}
