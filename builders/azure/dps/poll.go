package dps

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

const (
	answerPrefix = "$dps/registrations/res/"

	minPoll    = 2 * time.Second  // as Microsoft's SDKs
	maxPoll    = 10 * time.Minute // whatever the service says
	answerTime = 30 * time.Second // then the question is asked again
)

// answer is one of the service.
type answer struct {
	status  int
	rid     string
	retry   time.Duration // 0: it does not say
	payload []byte
}

// registration is one under way.
type registration struct {
	c       *mqtt.Client
	o       *Options
	answers chan answer
	next    int
}

// state is what answers say.
type state struct {
	OperationID string `json:"operationId"`
	Status      string `json:"status"`
	State       *struct {
		Assignment
		ErrorCode    int    `json:"errorCode"`
		ErrorMessage string `json:"errorMessage"`
	} `json:"registrationState"`
}

func (r *registration) run(ctx context.Context) (*Assignment, error) {
	request := map[string]any{"registrationId": r.o.RegistrationID}
	if r.o.Payload != nil {
		request["payload"] = r.o.Payload
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("dps: the payload: %w", err)
	}
	if _, err := r.c.SubscribeFunc(ctx, r.take, mqtt.Filter{Filter: answerPrefix + "#", QoS: 1}); err != nil {
		return nil, err
	}
	operation := ""
	for {
		a, err := r.ask(ctx, operation, body)
		if err != nil {
			return nil, err
		}
		s, err := read(a)
		var refused error
		if e, ok := err.(*Error); ok && e.Transient() {
			refused, err = e, nil
		} else if err == nil && s.Status == "assigned" {
			return s.assignment()
		}
		if err != nil {
			return nil, err
		}
		if s.OperationID != "" {
			operation = s.OperationID
		}
		if !wait(ctx, a.retry) {
			if refused != nil {
				return nil, fmt.Errorf("dps: not assigned yet: %w; the last answer was: %w", ctx.Err(), refused)
			}
			return nil, fmt.Errorf("dps: not assigned yet: %w", ctx.Err())
		}
	}
}

// assignment returns what an answer with the status "assigned" has to say.
func (s *state) assignment() (*Assignment, error) {
	if s.State == nil || s.State.Hub == "" || s.State.DeviceID == "" {
		return nil, fmt.Errorf("%w: assigned to no hub, or as no device", ErrAnswer)
	}
	return &s.State.Assignment, nil
}

// wait waits for the next question, and reports whether there is time for it.
func wait(ctx context.Context, told time.Duration) bool {
	d := min(max(told, minPoll), maxPoll)
	if told == 0 { // a fleet should not ask in step
		d += rand.N(time.Second)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ask sends a question and waits for its answer: to register, or for the state of an operation. What is not answered is
// asked again: it, or the answer, may have gone with a connection.
func (r *registration) ask(ctx context.Context, operation string, body []byte) (answer, error) {
	first := r.next + 1 // late answers to the same question are as good
	for {
		r.next++
		rid := strconv.Itoa(r.next)
		p := mqtt.Publish{Topic: "$dps/registrations/PUT/iotdps-register/?$rid=" + rid, Payload: body, QoS: 1}
		if operation != "" {
			p.Topic = "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=" + rid + "&operationId=" + url.QueryEscape(operation)
			p.Payload = nil
		}
		if _, err := r.c.Publish(ctx, p); err != nil {
			return answer{}, err
		}
		late := time.NewTimer(answerTime)
		a, ok, err := r.await(ctx, first, late.C)
		late.Stop()
		if ok || err != nil {
			return a, err
		}
	}
}

// await waits for an answer to a question that was asked as number first or later.
func (r *registration) await(ctx context.Context, first int, late <-chan time.Time) (a answer, ok bool, err error) {
	for {
		select {
		case a := <-r.answers:
			if n, err := strconv.Atoi(a.rid); err == nil && n >= first && n <= r.next {
				return a, true, nil
			}
		case <-late:
			return answer{}, false, nil
		case <-r.c.Done():
			return answer{}, false, r.c.Err()
		case <-ctx.Done():
			return answer{}, false, fmt.Errorf("dps: no answer: %w", ctx.Err())
		}
	}
}

// take takes {status}/?$rid={rid}[&retry-after={seconds}].
func (r *registration) take(m mqtt.Message) {
	text, query, _ := strings.Cut(strings.TrimPrefix(m.Topic, answerPrefix), "/?")
	status, err := strconv.Atoi(text)
	values, bad := url.ParseQuery(query)
	if err != nil || bad != nil {
		return
	}
	a := answer{status: status, rid: values.Get("$rid"), payload: m.Payload}
	for k, v := range values {
		if strings.EqualFold(k, "retry-after") {
			seconds, _ := strconv.ParseUint(v[0], 10, 16)
			a.retry = time.Duration(seconds) * time.Second
		}
	}
	select {
	case r.answers <- a:
	default: // answers to nothing
	}
}

// read makes an error of what is not a step on the way.
func read(a answer) (s state, err error) {
	if a.status >= 300 {
		e := &Error{Message: string(a.payload[:min(len(a.payload), 256)])}
		_ = json.Unmarshal(a.payload, e)
		e.Status = a.status
		return s, e
	}
	if err := json.Unmarshal(a.payload, &s); err != nil {
		return s, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	switch s.Status {
	case "unassigned", "assigning", "assigned":
		return s, nil
	}
	e := &Error{Status: a.status, State: s.Status}
	if s.State != nil {
		e.Code, e.Message = s.State.ErrorCode, s.State.ErrorMessage
	}
	return s, e
}
