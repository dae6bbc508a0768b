package jobs

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/servicetest"
)

const things = "$aws/things/t/jobs/"

func TestScripts(t *testing.T) {
	t.Parallel()
	servicetest.Run(t, "testdata/*.txt", func(t *testing.T) *servicetest.Player {
		s := New(Limits{})
		return &servicetest.Player{T: t, Service: s, Prefix: things, Command: s.command}
	})
}

// command does what a script says: create, cancel, cancel-execution, delete or delete-execution a job, and then options.
func (s *Service) command(now time.Time, words []string) ([]service.Message, error) {
	force := slices.Contains(words, "force")
	switch words[0] {
	case "create":
		j := Job{ID: words[1], Document: []byte(`{"do":"it"}`), Things: []string{"t"}}
		for _, o := range words[2:] {
			name, value, _ := strings.Cut(o, "=")
			n, _ := strconv.Atoi(value)
			switch name {
			case "timeout":
				j.TimeoutMinutes = n
			case "retryFailed":
				j.RetryFailed = n
			case "retryTimedOut":
				j.RetryTimedOut = n
			case "continuous":
				j.Continuous, j.Things = true, []string{value}
			default:
				return nil, errors.New(o)
			}
		}
		return s.Create(now, j)
	case "add":
		return s.AddThings(now, words[1], words[2:])
	case "cancel":
		return s.Cancel(now, words[1], force, "R", "comment")
	case "cancel-execution":
		return s.CancelExecution(now, words[1], "t", force, nil)
	case "delete":
		return s.Delete(now, words[1], force)
	case "delete-execution":
		return s.DeleteExecution(now, words[1], "t", force)
	case "status":
		j, err := s.Job(words[1])
		if err == nil && string(j.Status) != words[2] {
			err = fmt.Errorf("the job is %s", j.Status)
		}
		return nil, err
	}
	return nil, errors.New(words[0])
}

func TestTopicsOfOthers(t *testing.T) {
	t.Parallel()
	s := New(Limits{})
	for _, topic := range []string{"$aws/things/t/jobs", "$aws/things/t/shadow/get", "$aws/x/t/jobs/get", "t"} {
		if out, ok := s.Handle(&service.Request{Topic: topic}); ok {
			t.Errorf("%s: %+v", topic, out)
		}
	}
}

// The caller's list of things stays as it is.
func TestCreateKeepsTheTargets(t *testing.T) {
	t.Parallel()
	targets := []string{"b", "a", "b"}
	if _, err := New(Limits{}).Create(time.Unix(1, 0), Job{ID: "j", Document: []byte(`{}`), Things: targets}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(targets, []string{"b", "a", "b"}) {
		t.Errorf("they are now %q", targets)
	}
}

func TestControlErrors(t *testing.T) {
	t.Parallel()
	s := New(Limits{Document: 20, Executions: 2})
	now := time.Unix(1, 0)
	good := Job{ID: "a", Document: []byte(`{}`), Things: []string{"t"}}
	if _, err := s.Create(now, good); err != nil {
		t.Fatal(err)
	}
	edit := func(f func(j *Job)) error {
		j := good
		j.ID = "b"
		f(&j)
		_, err := s.Create(now, j)
		return err
	}
	for name, c := range map[string]struct {
		err  error
		code string
	}{
		"exists":    {edit(func(j *Job) { j.ID = "a" }), AlreadyExists},
		"id":        {edit(func(j *Job) { j.ID = "a b" }), InvalidRequest},
		"document":  {edit(func(j *Job) { j.Document = []byte("{") }), InvalidRequest},
		"long":      {edit(func(j *Job) { j.Document = []byte(`"12345678901234567890"`) }), LimitExceeded},
		"nobody":    {edit(func(j *Job) { j.Things = nil }), InvalidRequest},
		"thing":     {edit(func(j *Job) { j.Things = []string{"a/b"} }), InvalidRequest},
		"timeout":   {edit(func(j *Job) { j.TimeoutMinutes = 10081 }), InvalidRequest},
		"retries":   {edit(func(j *Job) { j.RetryFailed = 11 }), InvalidRequest},
		"too many":  {edit(func(j *Job) { j.Things = []string{"1", "2"} }), LimitExceeded},
		"cancel":    {second(s.Cancel(now, "x", false, "", "")), ResourceNotFound},
		"delete":    {second(s.Delete(now, "a", false)), InvalidStateTransition},
		"execution": {second(s.CancelExecution(now, "a", "x", false, nil)), ResourceNotFound},
		"get":       {second(s.Job("x")), ResourceNotFound},
		"state":     {second(s.Execution(now, "a", "x")), ResourceNotFound},
		"remove":    {second(s.DeleteExecution(now, "a", "x", true)), ResourceNotFound},
		"add":       {second(s.AddThings(now, "a", []string{"u"})), InvalidRequest},
		"add to":    {second(s.AddThings(now, "x", []string{"u"})), ResourceNotFound},
	} {
		if e, ok := errors.AsType[*Error](c.err); !ok || e.Code != c.code {
			t.Errorf("%s: %v", name, c.err)
		}
	}
	if _, _, err := s.Do(&service.Request{Now: now, Topic: things + "a/update", Payload: []byte(`{"status":"IN_PROGRESS"}`)}); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"cancel": second(s.CancelExecution(now, "a", "t", false, nil)),
		"delete": second(s.DeleteExecution(now, "a", "t", false)),
	} {
		if e, ok := errors.AsType[*Error](err); !ok || e.Code != InvalidStateTransition {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestListsOfTheControlPlane(t *testing.T) {
	t.Parallel()
	s := New(Limits{})
	now := time.Unix(7, 0)
	for _, id := range []string{"b", "a"} {
		if _, err := s.Create(now, Job{ID: id, Document: []byte(`1`), Things: []string{"u", "t", "t"}}); err != nil {
			t.Fatal(err)
		}
	}
	if jobs := s.Jobs(); len(jobs) != 2 || jobs[0].ID != "a" || len(jobs[0].Things) != 2 {
		t.Errorf("%+v", jobs)
	}
	for _, c := range []struct{ job, thing, want string }{{"", "", "a:t a:u b:t b:u"}, {"b", "", "b:t b:u"}, {"", "t", "a:t b:t"}, {"a", "u", "a:u"}, {"x", "", ""}} {
		var got []string
		for _, x := range s.Executions(c.job, c.thing) {
			got = append(got, x.JobID+":"+x.ThingName)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
	if x, err := s.Execution(now, "a", "t"); err != nil || x.Status != Queued || string(x.JobDocument) != "1" {
		t.Errorf("%+v %v", x, err)
	}
}

// A service that was saved and loaded answers as before, and its timers run on.
func TestSaveAndLoad(t *testing.T) {
	t.Parallel()
	a, b := New(Limits{}), New(Limits{})
	now := time.Unix(1000, 0)
	for _, id := range []string{"one", "two"} {
		if _, err := a.Create(now, Job{ID: id, Document: []byte(`{"x":[1]}`), Things: []string{"t"}, TimeoutMinutes: 5}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := a.Do(&service.Request{Now: now, Topic: things + "start-next", Payload: []byte(`{"statusDetails":{"k":"v"}}`)}); err != nil {
		t.Fatal(err)
	}
	if err := b.Load(a.Save()); err != nil {
		t.Fatal(err)
	}
	if string(a.Save()) != string(b.Save()) {
		t.Errorf("\n%s\n%s", a.Save(), b.Save())
	}
	for _, s := range []*Service{a, b} {
		if at, ok := s.NextWake(); !ok || !at.Equal(now.Add(5*time.Minute)) {
			t.Errorf("wakes at %v, %v", at, ok)
		}
		body, _, err := s.Do(&service.Request{Now: now, Topic: things + "get"})
		want := `{"inProgressJobs":[{"jobId":"one","queuedAt":1000,"startedAt":1000,"lastUpdatedAt":1000,"versionNumber":2,"executionNumber":1}],"queuedJobs":[{"jobId":"two","queuedAt":1000,"lastUpdatedAt":1000,"versionNumber":1,"executionNumber":1}],"timestamp":1000}`
		if err != nil || string(body) != want {
			t.Errorf("%s %v", body, err)
		}
	}
	before := string(b.Save())
	for _, text := range []string{"", "[]", `{"jobs":[{"ID":"a b"}]}`, `{"executions":[{"Job":"x","Thing":"t","Version":1,"Number":1}]}`} {
		if err := b.Load([]byte(text)); err == nil {
			t.Errorf("loaded %q", text)
		}
	}
	if string(b.Save()) != before {
		t.Error("a failed load has changed something")
	}
}

func FuzzHandle(f *testing.F) {
	f.Add("a/update", []byte(`{"status":"IN_PROGRESS","expectedVersion":"1","stepTimeoutInMinutes":-1,"statusDetails":{"a":"b"}}`))
	f.Add("$next/get", []byte(`{"includeJobDocument":false,"executionNumber":1}`))
	f.Add("start-next", []byte(`{"stepTimeoutInMinutes":3}`))
	f.Fuzz(func(t *testing.T, suffix string, payload []byte) {
		s := New(Limits{})
		now := time.Unix(1, 0)
		if _, err := s.Create(now, Job{ID: "a", Document: []byte(`1`), Things: []string{"t"}, TimeoutMinutes: 1, RetryTimedOut: 1}); err != nil {
			t.Fatal(err)
		}
		out, ok := s.Handle(&service.Request{Now: now, ClientID: "c", Topic: things + suffix, Payload: payload})
		if ok && (len(out) == 0 || out[0].To != "c" || out[0].Fan) {
			t.Fatalf("the answer is %+v", out)
		}
		for range 10 {
			if at, ok := s.NextWake(); ok {
				s.Wake(at)
			}
		}
		if at, ok := s.NextWake(); ok {
			t.Fatalf("it wakes for ever, next at %v", at)
		}
		if err := New(Limits{}).Load(s.Save()); err != nil {
			t.Fatal(err)
		}
	})
}
