package jobs

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// saved is everything on disk.
type saved struct {
	Order      uint64           `json:"order"`
	Jobs       []Job            `json:"jobs"`
	Executions []savedExecution `json:"executions"`
}

type savedExecution struct {
	Job, Thing               string
	Order                    uint64
	Number, Version          int64
	Status                   Status
	Details                  map[string]string `json:",omitempty"`
	Queued, Started, Updated time.Time         `json:",omitzero"`
	Deadline, Step           time.Time         `json:",omitzero"`
}

// Save returns all jobs as JSON.
func (s *Service) Save() []byte {
	v := saved{Order: s.order, Jobs: s.Jobs()}
	for _, things := range s.things {
		for _, x := range things {
			v.Executions = append(v.Executions, savedExecution{x.job.ID, x.thing, x.order, x.number, x.version, x.status,
				x.details, x.queued, x.started, x.updated, x.deadline, x.step})
		}
	}
	slices.SortFunc(v.Executions, func(a, b savedExecution) int { return cmp.Compare(a.Order, b.Order) })
	return service.Encode(v)
}

// Load replaces the jobs by those that were saved. On an error nothing has changed.
func (s *Service) Load(text []byte) error {
	var v saved
	if err := json.Unmarshal(text, &v); err != nil {
		return fmt.Errorf("jobs: saved jobs: %w", err)
	}
	next := New(s.limits)
	next.order = v.Order
	for _, j := range v.Jobs {
		if e := next.check(&j); e != nil {
			return fmt.Errorf("jobs: saved jobs: %w", e)
		}
		next.jobs[j.ID] = &job{j, map[string]*execution{}}
	}
	for _, x := range v.Executions {
		j := next.jobs[x.Job]
		if j == nil || !service.ValidThing(x.Thing) || x.Version <= 0 || x.Number <= 0 {
			return fmt.Errorf("jobs: saved jobs: an execution of %q for %q is damaged", x.Job, x.Thing)
		}
		next.put(&execution{j, x.Thing, x.Order, x.Number, x.Version, x.Status, x.Details, x.Queued, x.Started, x.Updated, x.Deadline, x.Step})
		next.order = max(next.order, x.Order)
	}
	*s = *next
	return nil
}
