package httpapi

import (
	"encoding/json"
	"strconv"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// jobsData adds what devices without MQTT use, and what shares paths with it.
func (a *api) jobsData() {
	a.add("GET /things/{thing}/jobs", a.either(a.pendingExecutions, a.executionsOfThing), "GetPendingJobExecutions", "thing/{thing}")
	a.add("GET /things/{thing}/jobs/{job}", a.either(a.deviceDescribe, a.describeExecution), "DescribeJobExecution", "thing/{thing}")
	a.add("PUT /things/{thing}/jobs/{job}", a.startNext, "StartNextPendingJobExecution", "thing/{thing}")
	a.add("POST /things/{thing}/jobs/{job}", a.deviceUpdate, "UpdateJobExecution", "thing/{thing}")
}

// either chooses between the planes. Devices, which sign nothing, mean the data plane too.
func (a *api) either(data, control operation) operation {
	return func(c *call) (any, error) {
		if c.signingName() == "iot" {
			return control(c)
		}
		return data(c)
	}
}

// device runs an operation as if it had come by MQTT. Over HTTP a job document is text.
func (a *api) device(c *call, suffix string, payload []byte) (any, error) {
	var answer object
	err := a.change(c, func() ([]service.Message, error) {
		body, out, err := a.Jobs.Do(&service.Request{Now: c.now, Topic: "$aws/things/" + c.PathValue("thing") + "/jobs/" + suffix, Payload: payload})
		if err != nil {
			return nil, err
		}
		answer, err = service.DecodeObject(body)
		return out, err
	})
	if err != nil {
		return nil, err
	}
	delete(answer, "timestamp")
	text(answer)
	if x, ok := answer["execution"].(object); ok {
		text(x)
	}
	return answer, nil
}

// text turns a job document into text.
func text(o object) {
	if d, there := o["jobDocument"]; there {
		o["jobDocument"] = string(service.Encode(d))
	}
}

func (a *api) pendingExecutions(c *call) (any, error) { return a.device(c, "get", nil) }

func (a *api) deviceDescribe(c *call) (any, error) {
	q, payload := c.URL.Query(), object{}
	if s := q.Get("includeJobDocument"); s != "" {
		payload["includeJobDocument"] = s == "true"
	}
	if s := q.Get("executionNumber"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, invalid("executionNumber must be a number")
		}
		payload["executionNumber"] = n
	}
	return a.device(c, c.PathValue("job")+"/get", service.Encode(payload))
}

func (a *api) startNext(c *call) (any, error) {
	if c.PathValue("job") != "$next" {
		return nil, &problem{405, "MethodNotAllowedException", "Only $next can be started"}
	}
	return a.device(c, "start-next", c.body)
}

func (a *api) deviceUpdate(c *call) (any, error) {
	var body map[string]json.RawMessage
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	return a.device(c, c.PathValue("job")+"/update", c.body)
}
