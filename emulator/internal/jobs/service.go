package jobs

import (
	"cmp"
	"slices"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// Limits bounds jobs. Zero fields mean the defaults.
type Limits struct {
	// Document is the largest job document in bytes. Default 32,768.
	Document int
	// Executions is how many executions there may be altogether. Default 100,000.
	Executions int
}

// Service holds jobs and their executions. Its calls must not be concurrent.
type Service struct {
	limits Limits
	jobs   map[string]*job
	things map[string]map[string]*execution // by thing and job
	count  int
	order  uint64

	timers map[*execution]struct{} // executions with a deadline
	next   time.Time               // the earliest of them
	stale  bool                    // next has to be found again
}

// New returns a service without jobs.
func New(l Limits) *Service {
	if l.Document == 0 {
		l.Document = 32 << 10
	}
	if l.Executions == 0 {
		l.Executions = 100_000
	}
	return &Service{limits: l, jobs: map[string]*job{}, things: map[string]map[string]*execution{}, timers: map[*execution]struct{}{}}
}

// pending lists what a thing has to do: what is in progress first, each part in the order of creation.
func (s *Service) pending(thing string) []*execution {
	var list []*execution
	for _, x := range s.things[thing] {
		if !terminal(x.status) {
			list = append(list, x)
		}
	}
	slices.SortFunc(list, func(a, b *execution) int {
		if a.status != b.status {
			if a.status == InProgress {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.order, b.order)
	})
	return list
}

// add queues an execution of a job for a thing.
func (s *Service) add(now time.Time, j *job, thing string, number int64) *execution {
	s.order++
	x := &execution{job: j, thing: thing, order: s.order, number: number, version: 1, status: Queued, queued: now, updated: now}
	s.put(x)
	return x
}

func (s *Service) put(x *execution) {
	if s.things[x.thing] == nil {
		s.things[x.thing] = map[string]*execution{}
	}
	if s.things[x.thing][x.job.ID] == nil {
		s.count++
	}
	s.things[x.thing][x.job.ID] = x
	x.job.executions[x.thing] = x
	s.arm(x)
}

// drop forgets an execution.
func (s *Service) drop(x *execution) {
	delete(s.things[x.thing], x.job.ID)
	if len(s.things[x.thing]) == 0 {
		delete(s.things, x.thing)
	}
	delete(x.job.executions, x.thing)
	x.deadline, x.step = time.Time{}, time.Time{}
	s.arm(x)
	s.count--
}

// arm takes note of an execution's deadlines.
func (s *Service) arm(x *execution) {
	s.stale = true
	if x.due().IsZero() {
		delete(s.timers, x)
		return
	}
	s.timers[x] = struct{}{}
}

// NextWake returns when Wake has something to do.
func (s *Service) NextWake() (time.Time, bool) {
	if s.stale {
		s.next, s.stale = time.Time{}, false
		for x := range s.timers {
			if due := x.due(); s.next.IsZero() || due.Before(s.next) {
				s.next = due
			}
		}
	}
	return s.next, !s.next.IsZero()
}

// Wake lets executions time out whose time is up.
func (s *Service) Wake(now time.Time) (out []service.Message) {
	var due []*execution
	for x := range s.timers {
		if !now.Before(x.due()) {
			due = append(due, x)
		}
	}
	slices.SortFunc(due, func(a, b *execution) int { return cmp.Compare(a.order, b.order) })
	for _, x := range due {
		out = append(out, s.changing(now, x.thing, func() { s.finish(now, x, TimedOut) })...)
	}
	return out
}

// finish ends an execution, and queues it again where its job says so.
func (s *Service) finish(now time.Time, x *execution, status Status) {
	x.status, x.updated = status, now
	x.version++
	x.deadline, x.step = time.Time{}, time.Time{}
	s.arm(x)
	if x.job.Status == iotcore.JobInProgress && x.job.retry(status, x.number) {
		s.add(now, x.job, x.thing, x.number+1)
		return
	}
	x.job.settle(now)
}
