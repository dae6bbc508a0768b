package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
	"github.com/gneiss-mqtt/gneiss-go/services/jobs"
)

// jobLog remembers what the agent was given to do.
type jobLog struct {
	mu    sync.Mutex
	done  map[string]int // how often each job was done
	ended chan struct{}  // the agent
}

func (l *jobLog) add(job string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done[job]++
}

func (l *jobLog) times(job string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done[job]
}

// update has an agent do a job, which tells how far it is.
func update(ctx context.Context, s *story, cloud *emulator.Server, d *device) error {
	client, err := jobs.New(d.requests, d.identity.ThingName)
	if err != nil {
		return err
	}
	d.jobs.done, d.jobs.ended = make(map[string]int), make(chan struct{})
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stopJobs = stop
	agent := jobs.NewAgent(client, d.install)
	go func() {
		defer close(d.jobs.ended)
		_ = agent.Run(life) // ends with the context
	}()
	if err := order(cloud, d, "firmware-2"); err != nil {
		return err
	}
	s.say("the cloud created the job firmware-2")
	return d.finished(ctx, s, cloud, "firmware-2")
}

// install does a job.
func (d *device) install(ctx context.Context, job *jobs.Job) error {
	var document struct {
		Steps int `json:"steps"`
	}
	if err := json.Unmarshal(job.Document, &document); err != nil {
		return jobs.Reject(err.Error())
	}
	d.jobs.add(job.JobID)
	for step := range document.Steps {
		if err := job.Progress(ctx, map[string]string{"percent": strconv.Itoa(100 * (step + 1) / document.Steps)}); err != nil {
			return err
		}
	}
	return nil
}

// order creates a job in the cloud.
func order(cloud *emulator.Server, d *device, id string) error {
	return cloud.CreateJob(iotcore.Job{ID: id, Things: []string{d.identity.ThingName}, Document: json.RawMessage(`{"steps": 4}`)})
}

// finished waits until the cloud has seen a job succeed, and checks that it was done once.
func (d *device) finished(ctx context.Context, s *story, cloud *emulator.Server, id string) error {
	var x iotcore.JobExecution
	err := await(ctx, func() (ok bool, err error) {
		x, err = cloud.JobExecution(id, d.identity.ThingName)
		return x.Status == iotcore.ExecutionSucceeded, err
	})
	if err != nil {
		return fmt.Errorf("job %s is %s: %w", id, x.Status, err)
	}
	return s.check(d.jobs.times(id) == 1 && x.StatusDetails["percent"] == "100", "%s was done once, in %d reports, and has %s", id, x.VersionNumber-1, x.Status)
}
