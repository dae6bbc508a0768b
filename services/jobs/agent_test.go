package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/services/jobs"
)

// run runs an agent until the end of the test or stop.
func run(t *testing.T, j *jobs.Client, h jobs.Handler, optFns ...func(*jobs.AgentOptions)) (stop func() error, errs chan error) {
	t.Helper()
	errs = make(chan error, 1000)
	a := jobs.NewAgent(j, h, append(optFns, func(o *jobs.AgentOptions) { o.Report = func(err error) { errs <- err } })...)
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- a.Run(ctx) }()
	once := sync.OnceValue(func() error { cancel(); return <-over })
	t.Cleanup(func() { _ = once() })
	return once, errs
}

func TestAgent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		c.jobs = []*execution{{id: "early", status: "QUEUED", document: "{}", version: 1}}
		j, _ := c.connect()
		var done []string
		stop, errs := run(t, j, func(ctx context.Context, job *jobs.Job) error {
			done = append(done, job.JobID)
			if job.Resumed {
				t.Errorf("%s is resumed", job.JobID)
			}
			switch job.JobID {
			case "fails":
				return errors.New("no\nspace\x00left")
			case "rejected":
				return fmt.Errorf("it: %w", jobs.Reject("wrong model"))
			case "panics":
				panic("oh")
			case "reports":
				var doc struct{ ID string }
				if err := job.Decode(&doc); err != nil || doc.ID != "reports" {
					t.Error(doc, err)
				}
				if err := job.Progress(ctx, map[string]string{"percent": "10"}); err != nil {
					t.Error(err)
				}
				job.Note(map[string]string{"file": "a.bin"})
				return job.Progress(ctx, map[string]string{"percent": "100"})
			}
			return nil
		}, func(o *jobs.AgentOptions) { o.StepTimeout = 5 * time.Minute })
		c.want("early", "SUCCEEDED", nil)
		if got := c.took(); got != "$next/get, start-next, early/update SUCCEEDED, start-next" {
			t.Errorf("the service got %q", got)
		}
		c.create("fails", "rejected", "panics", "reports")
		c.want("fails", "FAILED", map[string]string{"reason": "no space left"})
		c.want("rejected", "REJECTED", map[string]string{"reason": "it: wrong model"})
		c.want("panics", "FAILED", map[string]string{"reason": "panic: oh"})
		c.want("reports", "SUCCEEDED", map[string]string{"percent": "100", "file": "a.bin"})
		if c.jobs[4].step != 5 {
			t.Errorf("step timeout %d", c.jobs[4].step)
		}
		if want := []string{"early", "fails", "rejected", "panics", "reports"}; !slices.Equal(done, want) {
			t.Errorf("done is %q", done)
		}
		if len(errs) != 1 || !strings.Contains((<-errs).Error(), "oh") {
			t.Errorf("%d errors", len(errs))
		}
		wantErr(t, stop(), context.Canceled)
	})
}

// A job that is at an end cancels its handler, and nothing is reported on it.
func TestCanceled(t *testing.T) {
	for _, how := range []string{"notified", "missed", "progress", "removed"} {
		t.Run(how, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newCloud(t)
				j, m := c.connect()
				causes := make(chan error, 9)
				again := make(chan struct{})
				_, errs := run(t, j, func(ctx context.Context, job *jobs.Job) error {
					if job.JobID == "b" {
						return nil
					}
					if how == "progress" {
						<-again
						causes <- job.Progress(ctx, nil)
						<-ctx.Done()
					}
					<-ctx.Done()
					causes <- context.Cause(ctx)
					return ctx.Err()
				})
				c.create("a", "b")
				synctest.Wait()
				want := jobs.Canceled
				switch how {
				case "notified":
					c.end("a", "CANCELED")
				case "missed":
					want = jobs.TimedOut
					c.set(func(c *cloud) { c.jobs[0].status, c.head = "TIMED_OUT", "b" })
					c.cut(m)
				case "progress":
					c.set(func(c *cloud) { c.jobs[0].status, c.head = "CANCELED", "b" })
					close(again)
				case "removed":
					want = jobs.Removed
					c.change(func() { c.jobs = c.jobs[1:] })
				}
				c.want("b", "SUCCEEDED", nil)
				for range len(causes) {
					if e, ok := errors.AsType[*jobs.CanceledError](<-causes); !ok || e.Status != want || e.JobID != "a" {
						t.Errorf("got %v", e)
					}
				}
				if how != "removed" {
					c.want("a", string(want), nil)
				}
				if strings.Contains(c.took(), "a/update FAILED") || len(errs) > 0 {
					t.Error("a canceled job is reported")
				}
			})
		})
	}
}

// Another job ahead of the one that runs is no reason to stop it.
func TestOvertaken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		j, _ := c.connect()
		release := make(chan struct{})
		_, _ = run(t, j, func(ctx context.Context, job *jobs.Job) error {
			if job.JobID == "b" {
				<-release
			}
			return ctx.Err()
		})
		c.create("b")
		synctest.Wait()
		c.change(func() {
			c.jobs = slices.Insert(c.jobs, 0, &execution{id: "a", status: "IN_PROGRESS", document: "{}", version: 2})
		})
		synctest.Wait()
		close(release)
		c.want("b", "SUCCEEDED", nil)
		c.want("a", "SUCCEEDED", nil)
	})
}

// What was in progress when the process ended is handed out again, and marked.
func TestResume(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		j, _ := c.connect()
		stop, _ := run(t, j, func(ctx context.Context, job *jobs.Job) error {
			_ = job.Progress(ctx, map[string]string{"percent": "40"})
			<-ctx.Done()
			return ctx.Err()
		})
		c.create("a", "b")
		synctest.Wait()
		wantErr(t, stop(), context.Canceled)
		c.want("a", "IN_PROGRESS", map[string]string{"percent": "40"})
		var seen []string
		_, _ = run(t, j, func(ctx context.Context, job *jobs.Job) error {
			seen = append(seen, fmt.Sprintf("%s/%v/%s", job.JobID, job.Resumed, job.Details["percent"]))
			return nil
		})
		c.want("b", "SUCCEEDED", nil)
		if !slices.Equal(seen, []string{"a/true/40", "b/false/"}) {
			t.Errorf("seen %q", seen)
		}
		c.want("a", "SUCCEEDED", map[string]string{"percent": "40"})
	})
}

// All that an earlier process has begun is marked, and nothing that this one has begun itself, even where the answer that
// says so was lost.
func TestResumeSeveral(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		for i, status := range []string{"IN_PROGRESS", "IN_PROGRESS", "QUEUED", "QUEUED"} {
			c.jobs = append(c.jobs, &execution{id: fmt.Sprint("j", i), status: status, document: "{}", version: 2})
		}
		starts := 0
		c.lose = func(op string) bool {
			if op == "start-next" {
				starts++
			}
			return op == "start-next" && starts == 3
		}
		j, _ := c.connect()
		var seen []string
		run(t, j, func(_ context.Context, job *jobs.Job) error {
			seen = append(seen, fmt.Sprintf("%s/%v", job.JobID, job.Resumed))
			return nil
		})
		time.Sleep(10 * time.Minute)
		c.want("j3", "SUCCEEDED", nil)
		if want := []string{"j0/true", "j1/true", "j2/false", "j3/false"}; !slices.Equal(seen, want) {
			t.Errorf("seen %q, want %q", seen, want)
		}
	})
}

// A cancellation that is notified before the handler has begun reaches it too.
func TestCanceledAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		c.lose = func(op string) bool {
			if op == "start-next" && len(c.jobs) > 0 && c.jobs[0].pending() {
				c.jobs[0].status = "CANCELED"
				c.conn.Send(c.notify()...) // before the answer, which says that it is in progress
			}
			return false
		}
		j, _ := c.connect()
		causes := make(chan error, 9)
		run(t, j, func(ctx context.Context, job *jobs.Job) error {
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return ctx.Err()
		})
		c.create("a")
		time.Sleep(time.Minute)
		if e, ok := errors.AsType[*jobs.CanceledError](<-causes); !ok || e.Status != jobs.Canceled {
			t.Errorf("the cause is %v", e)
		}
	})
}

// A handler that is done although it was told to stop is reported.
func TestDoneWhileStopping(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		j, _ := c.connect()
		stop, _ := run(t, j, func(ctx context.Context, job *jobs.Job) error { <-ctx.Done(); return nil })
		c.create("a")
		synctest.Wait()
		wantErr(t, stop(), context.Canceled)
		c.want("a", "SUCCEEDED", nil)
	})
}

// The end of a job is reported until the service has it, and the job is done once.
func TestReportedUntilTaken(t *testing.T) {
	for _, how := range []string{"throttled", "lost", "session lost", "lost, terse", "session lost, terse", "acknowledgement lost, terse", "invalid", "huge", "version"} {
		t.Run(how, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newCloud(t)
				how, terse := strings.CutSuffix(how, ", terse")
				c.terse = terse
				j, m := c.connect()
				n, runs := 0, 0
				_, errs := run(t, j, func(ctx context.Context, job *jobs.Job) error {
					runs++
					switch how {
					case "invalid":
						job.Note(map[string]string{"log": "two\nlines"})
					case "huge":
						job.Note(map[string]string{"log": strings.Repeat("x", 200_000)})
					case "version":
						c.set(func(c *cloud) { c.jobs[0].version += 3 })
					}
					return nil
				})
				c.set(func(c *cloud) {
					switch how {
					case "throttled":
						c.refuse = func(op string) string {
							if n++; strings.HasSuffix(op, "update") && n < 6 {
								return "RequestThrottled"
							}
							return ""
						}
					case "lost", "session lost", "acknowledgement lost":
						c.lose = func(op string) bool {
							if !strings.HasSuffix(op, "update") {
								return false
							}
							if n++; n == 1 && how == "acknowledgement lost" {
								c.conn.Cut()
							}
							return n == 1
						}
					}
				})
				c.create("a")
				synctest.Wait()
				if how == "session lost" {
					c.cut(m)
				}
				time.Sleep(10 * time.Minute)
				c.want("a", "SUCCEEDED", nil)
				if runs != 1 {
					t.Errorf("it ran %d times", runs)
				}
				if want := map[string]int{"lost": 1, "session lost": 1, "acknowledgement lost": 0}; len(errs) != want[how] && strings.HasSuffix(how, "lost") {
					t.Errorf("%d errors were reported, want %d, of the lost answer", len(errs), want[how])
				}
				c.create("b")
				c.want("b", "SUCCEEDED", nil)
			})
		})
	}
}

// A notification that comes between the subscription and the first read, or is missed in a reconnect, loses no job.
func TestNoJobIsMissed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		j, m := c.connect()
		done := make(chan string, 100)
		_, _ = run(t, j, func(_ context.Context, job *jobs.Job) error { done <- job.JobID; return nil })
		c.create("a") // at once: somewhere in between
		for i := range 20 {
			c.set(func(c *cloud) {
				if i%3 == 0 { // nobody hears of it
					c.head = fmt.Sprint("j", i)
				}
			})
			c.create(fmt.Sprint("j", i))
			if i%3 == 0 {
				c.cut(m)
			}
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		if len(done) != 21 {
			t.Errorf("%d jobs are done", len(done))
		}
	})
}

func TestAgentEndsWithClient(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		j, m := c.connect()
		a := jobs.NewAgent(j, func(ctx context.Context, job *jobs.Job) error { <-ctx.Done(); return ctx.Err() })
		over := make(chan error, 1)
		go func() { over <- a.Run(t.Context()) }()
		synctest.Wait()
		m.Close()
		wantErr(t, <-over, mqtt.ErrClosed)
	})
}
