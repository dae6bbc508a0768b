package jobs_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/services/jobs"
)

func TestOperations(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		j, _ := c.connect()
		ctx := t.Context()
		if e, err := j.StartNext(ctx, jobs.StartNext{}); e != nil || err != nil {
			t.Errorf("got %+v, %v", e, err)
		}
		if e, err := j.Describe(ctx, jobs.Next, jobs.Describe{}); e != nil || err != nil {
			t.Errorf("got %+v, %v", e, err)
		}
		c.create("get", "notify") // names that are topics too
		p, err := j.Pending(ctx)
		if err != nil || len(p.InProgress) != 0 || len(p.Queued) != 2 || p.Queued[0].JobID != "get" || p.Queued[0].QueuedAt.Unix() != 1700000000 {
			t.Errorf("got %+v, %v", p, err)
		}
		e, err := j.StartNext(ctx, jobs.StartNext{Details: map[string]string{"step": "0"}, StepTimeout: 90 * time.Second})
		if err != nil || e.JobID != "get" || e.Status != jobs.InProgress || e.Version != 2 || e.Number != 1 || e.Details["step"] != "0" ||
			string(e.Document) != `{"id":"get"}` || e.Thing != "lamp" || c.jobs[0].step != 2 {
			t.Errorf("got %+v, %v", e, err)
		}
		if e, err = j.Describe(ctx, "get", jobs.Describe{NoDocument: true}); err != nil || e.Document != nil {
			t.Errorf("got %+v, %v", e, err)
		}
		_, err = j.Update(ctx, "get", jobs.Update{Status: jobs.Succeeded, ExpectedVersion: 9})
		wantErr(t, err, jobs.ErrVersionMismatch)
		if refused, ok := errors.AsType[*jobs.Error](err); !ok || refused.State == nil || refused.State.Version != 2 || refused.State.Status != jobs.InProgress {
			t.Errorf("got %+v", refused)
		}
		u, err := j.Update(ctx, "get", jobs.Update{Status: jobs.Succeeded, ExpectedVersion: 2, IncludeState: true, StepTimeout: -1})
		if err != nil || u.State.Version != 3 || u.State.Status != jobs.Succeeded || c.jobs[0].step != -1 || u.Timestamp.IsZero() {
			t.Errorf("got %+v, %v", u, err)
		}
		_, err = j.Update(ctx, "get", jobs.Update{Status: jobs.Failed})
		wantErr(t, err, jobs.ErrInvalidStateTransition)
		_, err = j.Describe(ctx, "other", jobs.Describe{})
		wantErr(t, err, jobs.ErrNotFound)
		for _, id := range []string{"", "a/b", "$next", strings.Repeat("x", 65), "ä"} {
			if _, err := j.Update(ctx, id, jobs.Update{}); err == nil {
				t.Errorf("%q is accepted", id)
			}
		}
		if _, err := j.Describe(ctx, "a+", jobs.Describe{}); err == nil {
			t.Error("a+ is accepted")
		}
		if _, err := jobs.New(nil, "a/b"); err == nil {
			t.Error("a/b is accepted")
		}
	})
}

func TestErrorCodes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		j, _ := c.connect()
		for code, want := range map[string]error{"InvalidTopic": jobs.ErrInvalidTopic, "InvalidJson": jobs.ErrInvalidJSON,
			"InvalidRequest": jobs.ErrInvalidRequest, "InvalidStateTransition": jobs.ErrInvalidStateTransition,
			"ResourceNotFound": jobs.ErrNotFound, "VersionMismatch": jobs.ErrVersionMismatch, "InternalError": jobs.ErrInternal,
			"RequestThrottled": jobs.ErrThrottled, "TerminalStateReached": jobs.ErrTerminal} {
			c.set(func(c *cloud) { c.refuse = func(string) string { return code } })
			_, err := j.Pending(t.Context())
			wantErr(t, err, want)
			if !strings.Contains(err.Error(), "because") {
				t.Error(err)
			}
		}
		c.set(func(c *cloud) { c.refuse = func(string) string { return "Strange" } })
		if _, err := j.Pending(t.Context()); err == nil || errors.Is(err, jobs.ErrInternal) {
			t.Error(err)
		}
	})
}

func TestStreams(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		j, _ := c.connect()
		next, list, bad := make(chan *jobs.NextChanged, 9), make(chan *jobs.Changed, 9), make(chan error, 99)
		malformed := func(o *jobs.StreamOptions) { o.Malformed = func(err *jobs.MalformedError) { bad <- err } }
		if _, err := j.NextChanges(t.Context(), func(n *jobs.NextChanged) { next <- n }, malformed); err != nil {
			t.Fatal(err)
		}
		st, err := j.Changes(t.Context(), func(n *jobs.Changed) { list <- n }, malformed)
		if err != nil {
			t.Fatal(err)
		}
		c.create("a")
		if n := <-next; n.Execution == nil || n.Execution.JobID != "a" || n.Timestamp.IsZero() {
			t.Errorf("got %+v", n)
		}
		c.end("a", "CANCELED")
		if n := <-next; n.Execution != nil {
			t.Errorf("got %+v", n)
		}
		send := func(topic, payload string) {
			c.set(func(c *cloud) { c.conn.Send(&packet.Publish{Topic: prefix + topic, Payload: []byte(payload)}) })
		}
		send("notify", `{"timestamp":1,"jobs":{"QUEUED":[{"jobId":"b","startedAt":5}]}}`)
		if n := <-list; n.Jobs[jobs.Queued][0].JobID != "b" || n.Jobs[jobs.Queued][0].StartedAt.Unix() != 5 {
			t.Errorf("got %+v", n)
		}
		send("notify", `{"jobs":{"QUEUED":[{"jobId":"b","new":1}]},"new":2}`)
		if n := <-list; string(n.Unknown["new"]) != "2" || string(n.Jobs[jobs.Queued][0].Unknown["new"]) != "1" {
			t.Errorf("got %+v", n)
		}
		send("notify", `{"jobs":{}}`)
		<-list
		for _, payload := range []string{"", "[]", `{"jobs":[]}`, `{"jobs":{"QUEUED":[7]}}`, `{"timestamp":-1}`} {
			send("notify", payload)
		}
		for _, payload := range []string{"null", `{"execution":7}`, `{"execution":{"jobId":"x","queuedAt":"then"}}`, `{"execution":{"jobId":"../../x"}}`} {
			send("notify-next", payload)
		}
		synctest.Wait()
		if len(bad) != 9 || len(next)+len(list) > 0 {
			t.Errorf("%d bad", len(bad))
		}
		st.Close()
	})
}

func TestModel(t *testing.T) {
	t.Parallel()
	var e jobs.Execution
	err := json.Unmarshal([]byte(`{"jobId":"a","status":"NEW_ONE","approximateSecondsBeforeTimedOut":90,"startedAt":7,"more":[1]}`), &e)
	if err != nil || e.TimeLeft != 90*time.Second || e.StartedAt.Unix() != 7 || string(e.Unknown["more"]) != "[1]" || len(e.Unknown) != 1 || e.Status.Terminal() {
		t.Errorf("got %+v, %v", e, err)
	}
}
