package httpapi

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

func (a *api) jobs() {
	a.control("PUT /jobs/{job}", "CreateJob", "job/{job}", a.createJob)
	a.control("GET /jobs/{job}", "DescribeJob", "job/{job}", a.describeJob)
	a.control("POST /jobs/{job}/targets", "AssociateTargetsWithJob", "job/{job}", a.addTargets)
	a.control("GET /jobs/{job}/job-document", "GetJobDocument", "job/{job}", a.jobDocument)
	a.control("GET /jobs", "ListJobs", "*", a.listJobs)
	a.control("PUT /jobs/{job}/cancel", "CancelJob", "job/{job}", a.cancelJob)
	a.control("DELETE /jobs/{job}", "DeleteJob", "job/{job}", a.deleteJob)
	a.control("GET /jobs/{job}/things", "ListJobExecutionsForJob", "job/{job}", a.executionsOfJob)
	a.control("PUT /things/{thing}/jobs/{job}/cancel", "CancelJobExecution", "thing/{thing}", a.cancelExecution)
	a.control("DELETE /things/{thing}/jobs/{job}/executionNumber/{number}", "DeleteJobExecution", "thing/{thing}", a.deleteExecution)
}

// jobRequest is the body of CreateJob.
type jobRequest struct {
	Targets         []string `json:"targets"`
	Document        string   `json:"document"`
	DocumentSource  string   `json:"documentSource"`
	Description     string   `json:"description"`
	TargetSelection string   `json:"targetSelection"`
	Timeout         struct {
		Minutes int `json:"inProgressTimeoutInMinutes"`
	} `json:"timeoutConfig"`
	Retry struct {
		Criteria []struct {
			FailureType     string `json:"failureType"`
			NumberOfRetries int    `json:"numberOfRetries"`
		} `json:"criteriaList"`
	} `json:"jobExecutionsRetryConfig"`
}

func (q *jobRequest) job(id string) (j iotcore.Job, err error) {
	j = iotcore.Job{ID: id, Document: json.RawMessage(q.Document), Description: q.Description, TimeoutMinutes: q.Timeout.Minutes}
	if q.Document == "" {
		return j, invalid("The emulator needs the job's document in document")
	}
	switch q.TargetSelection {
	case "", snapshot:
	case continuous:
		j.Continuous = true
	default:
		return j, invalid("%q is not a targetSelection", q.TargetSelection)
	}
	if j.Things, err = thingsOf(q.Targets); err != nil {
		return j, err
	}
	for _, c := range q.Retry.Criteria {
		switch c.FailureType {
		case "FAILED":
			j.RetryFailed = c.NumberOfRetries
		case "TIMED_OUT":
			j.RetryTimedOut = c.NumberOfRetries
		case "ALL":
			j.RetryFailed, j.RetryTimedOut = c.NumberOfRetries, c.NumberOfRetries
		default:
			return j, invalid("%q is not a failureType", c.FailureType)
		}
	}
	return j, nil
}

// The values of targetSelection.
const (
	snapshot   = "SNAPSHOT"
	continuous = "CONTINUOUS"
)

// thingsOf returns the names behind the ARNs of things, the targets that the emulator knows.
func thingsOf(targets []string) (names []string, err error) {
	for _, target := range targets {
		_, name, ok := strings.Cut(target, ":thing/")
		if !ok {
			return nil, invalid("%q is not the ARN of a thing", target)
		}
		names = append(names, name)
	}
	return names, nil
}

// registered reports the first of things that is not in the registry.
func registered(c *call, things []string) error {
	for _, thing := range things {
		if c.account.Thing(thing) == nil {
			return &problem{404, "ResourceNotFoundException", "Thing " + thing + " cannot be found."}
		}
	}
	return nil
}

func (a *api) addTargets(c *call) (answer any, err error) {
	var q struct{ Targets []string }
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	things, err := thingsOf(q.Targets)
	if err != nil {
		return nil, err
	}
	err = a.change(c, func() ([]service.Message, error) {
		if err := registered(c, things); err != nil {
			return nil, err
		}
		id := c.PathValue("job")
		j, err := a.Jobs.Job(id)
		if err != nil {
			return nil, err
		}
		answer = described(c.account.ARN("job/"+id), j)
		return a.Jobs.AddThings(c.now, id, things)
	})
	return answer, err
}

func (a *api) createJob(c *call) (any, error) {
	var q jobRequest
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	j, err := q.job(c.PathValue("job"))
	if err != nil {
		return nil, err
	}
	arn := ""
	err = a.change(c, func() ([]service.Message, error) {
		if err := registered(c, j.Things); err != nil {
			return nil, err
		}
		arn = c.account.ARN("job/" + j.ID)
		return a.Jobs.Create(c.now, j)
	})
	return described(arn, j), err
}

// described is the answer of operations that change a job.
func described(arn string, j iotcore.Job) object {
	o := object{"jobArn": arn, "jobId": j.ID}
	put(o, "description", j.Description)
	return o
}

func jobSummary(c *call, j *iotcore.Job) object {
	selection := snapshot
	if j.Continuous {
		selection = continuous
	}
	o := object{"jobArn": c.account.ARN("job/" + j.ID), "jobId": j.ID, "status": j.Status, "targetSelection": selection,
		"createdAt": date(j.CreatedAt), "lastUpdatedAt": date(j.LastUpdatedAt)}
	put(o, "completedAt", date(j.CompletedAt))
	return o
}

func (a *api) describeJob(c *call) (answer any, err error) {
	err = a.read(c, func() error {
		j, err := a.Jobs.Job(c.PathValue("job"))
		if err != nil {
			return err
		}
		o := jobSummary(c, &j)
		targets := make([]string, len(j.Things))
		for i, thing := range j.Things {
			targets[i] = c.account.ARN("thing/" + thing)
		}
		o["targets"], o["forceCanceled"] = targets, j.ForceCanceled
		put(o, "description", j.Description)
		put(o, "comment", j.Comment)
		put(o, "reasonCode", j.ReasonCode)
		if j.TimeoutMinutes > 0 {
			o["timeoutConfig"] = object{"inProgressTimeoutInMinutes": j.TimeoutMinutes}
		}
		o["jobProcessDetails"] = a.counts(j.ID)
		answer = object{"job": o}
		return nil
	})
	return answer, err
}

var countNames = map[iotcore.ExecutionStatus]string{
	iotcore.ExecutionQueued: "numberOfQueuedThings", iotcore.ExecutionInProgress: "numberOfInProgressThings",
	iotcore.ExecutionSucceeded: "numberOfSucceededThings", iotcore.ExecutionFailed: "numberOfFailedThings",
	iotcore.ExecutionRejected: "numberOfRejectedThings", iotcore.ExecutionTimedOut: "numberOfTimedOutThings",
	iotcore.ExecutionCanceled: "numberOfCanceledThings", iotcore.ExecutionRemoved: "numberOfRemovedThings",
}

// counts says how many things have got how far.
func (a *api) counts(id string) map[string]int {
	counts := map[string]int{}
	for _, name := range countNames {
		counts[name] = 0
	}
	for _, x := range a.Jobs.Executions(id, "") {
		counts[countNames[x.Status]]++
	}
	return counts
}

func (a *api) jobDocument(c *call) (answer any, err error) {
	err = a.read(c, func() error {
		j, err := a.Jobs.Job(c.PathValue("job"))
		answer = object{"document": string(j.Document)}
		return err
	})
	return answer, err
}

func (a *api) listJobs(c *call) (answer any, err error) {
	status := iotcore.JobStatus(c.URL.Query().Get("status"))
	err = a.read(c, func() error {
		var list []object
		for _, j := range a.Jobs.Jobs() {
			if status == "" || status == j.Status {
				list = append(list, jobSummary(c, &j))
			}
		}
		part, next, err := page(c, list, "maxResults")
		o := object{"jobs": part}
		put(o, "nextToken", next)
		answer = o
		return err
	})
	return answer, err
}

func (a *api) cancelJob(c *call) (answer any, err error) {
	var q struct{ ReasonCode, Comment string }
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	err = a.change(c, func() ([]service.Message, error) {
		id := c.PathValue("job")
		j, err := a.Jobs.Job(id)
		if err != nil {
			return nil, err
		}
		answer = described(c.account.ARN("job/"+id), j)
		return a.Jobs.Cancel(c.now, id, c.flag("force"), q.ReasonCode, q.Comment)
	})
	return answer, err
}

func (a *api) deleteJob(c *call) (any, error) {
	return nil, a.change(c, func() ([]service.Message, error) {
		return a.Jobs.Delete(c.now, c.PathValue("job"), c.flag("force"))
	})
}

// executionsOfJob and executionsOfThing list executions with what the path does not say.
func (a *api) executionsOfJob(c *call) (any, error) {
	return a.listExecutions(c, func(x iotcore.JobExecution, o object) { o["thingArn"] = c.account.ARN("thing/" + x.ThingName) })
}

func (a *api) executionsOfThing(c *call) (any, error) {
	return a.listExecutions(c, func(x iotcore.JobExecution, o object) { o["jobId"] = x.JobID })
}

func (a *api) listExecutions(c *call, add func(iotcore.JobExecution, object)) (answer any, err error) {
	status := c.URL.Query().Get("status")
	err = a.read(c, func() error {
		if id := c.PathValue("job"); id != "" {
			if _, err := a.Jobs.Job(id); err != nil {
				return err
			}
		}
		list := []object{}
		for _, x := range a.Jobs.Executions(c.PathValue("job"), c.PathValue("thing")) {
			if status != "" && status != string(x.Status) {
				continue
			}
			s := object{"status": x.Status, "queuedAt": x.QueuedAt, "lastUpdatedAt": x.LastUpdatedAt, "executionNumber": x.ExecutionNumber}
			put(s, "startedAt", x.StartedAt)
			o := object{"jobExecutionSummary": s}
			add(iotcore.JobExecution{JobID: x.JobID, ThingName: x.ThingName}, o)
			list = append(list, o)
		}
		part, next, err := page(c, list, "maxResults")
		o := object{"executionSummaries": part}
		put(o, "nextToken", next)
		answer = o
		return err
	})
	return answer, err
}

func (a *api) describeExecution(c *call) (answer any, err error) {
	err = a.read(c, func() error {
		x, err := a.Jobs.Execution(c.now, c.PathValue("job"), c.PathValue("thing"))
		if err != nil {
			return err
		}
		o := object{"jobId": x.JobID, "thingArn": c.account.ARN("thing/" + x.ThingName), "status": x.Status, "queuedAt": x.QueuedAt,
			"lastUpdatedAt": x.LastUpdatedAt, "executionNumber": x.ExecutionNumber, "versionNumber": x.VersionNumber}
		put(o, "startedAt", x.StartedAt)
		if len(x.StatusDetails) > 0 {
			o["statusDetails"] = object{"detailsMap": maps.Clone(x.StatusDetails)}
		}
		if x.SecondsLeft != nil {
			o["approximateSecondsBeforeTimedOut"] = *x.SecondsLeft
		}
		answer = object{"execution": o}
		return nil
	})
	return answer, err
}

func (a *api) cancelExecution(c *call) (any, error) {
	var q struct {
		Details  map[string]string `json:"statusDetails"`
		Expected *int64            `json:"expectedVersion"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	return nil, a.change(c, func() ([]service.Message, error) {
		id, thing := c.PathValue("job"), c.PathValue("thing")
		x, err := a.Jobs.Execution(c.now, id, thing)
		if err == nil && q.Expected != nil && *q.Expected != x.VersionNumber {
			return nil, conflict(x.VersionNumber)
		}
		return a.Jobs.CancelExecution(c.now, id, thing, c.flag("force"), q.Details)
	})
}

func (a *api) deleteExecution(c *call) (any, error) {
	return nil, a.change(c, func() ([]service.Message, error) {
		return a.Jobs.DeleteExecution(c.now, c.PathValue("job"), c.PathValue("thing"), c.flag("force"))
	})
}
