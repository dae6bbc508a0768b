package jobs

import (
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// operation is what a topic asks for. Jobs may be called "get": only the number of levels tells topics apart.
type operation struct {
	thing, job string
	run        func(*Service, *call)
}

// parseTopic reads $aws/things/{thing}/jobs/{get|start-next} and $aws/things/{thing}/jobs/{job}/{get|update}.
func parseTopic(topic string) (op operation, ours bool) {
	l := strings.Split(topic, "/")
	if len(l) < 5 || l[0] != "$aws" || l[1] != "things" || l[3] != "jobs" {
		return op, false
	}
	op.thing = l[2]
	switch {
	case len(l) == 5 && l[4] == "get":
		op.run = (*Service).list
	case len(l) == 5 && l[4] == "start-next":
		op.run = (*Service).startNext
	case len(l) == 6 && l[5] == "get":
		op.job, op.run = l[4], (*Service).describe
	case len(l) == 6 && l[5] == "update":
		op.job, op.run = l[4], (*Service).update
	}
	return op, true
}

type rejection struct {
	Code        string  `json:"code"`
	Message     string  `json:"message"`
	Timestamp   int64   `json:"timestamp"`
	ClientToken *string `json:"clientToken,omitempty"`
	State       *State  `json:"executionState,omitempty"`
}

// Handle answers a request. It reports false for topics that are not of this service. The answer goes to the sender
// alone, before the notifications.
func (s *Service) Handle(r *service.Request) (out []service.Message, ok bool) {
	op, ok := parseTopic(r.Topic)
	if !ok {
		return nil, false
	}
	if op.run == nil {
		e := fail(InvalidTopic, "%s is not a topic of an operation", r.Topic)
		return []service.Message{reject(r, e, nil)}, true
	}
	body, out, token, e := s.do(r, op)
	if e != nil {
		return []service.Message{reject(r, e, token)}, true
	}
	return append([]service.Message{service.Reply(r, r.Topic+"/accepted", body)}, out...), true
}

// Do runs an operation for a client that does not speak MQTT, named by the topic that it would have published to. It
// returns the body of the accepted message and the notifications.
func (s *Service) Do(r *service.Request) ([]byte, []service.Message, error) {
	op, ok := parseTopic(r.Topic)
	if !ok || op.run == nil {
		return nil, nil, fail(InvalidTopic, "%s is not a topic of an operation", r.Topic)
	}
	body, out, _, e := s.do(r, op)
	if e != nil {
		return nil, nil, e
	}
	return body, out, nil
}

// Refuse answers a request with a code of the caller's choice.
func (s *Service) Refuse(r *service.Request, code, message string) ([]service.Message, bool) {
	if _, ok := parseTopic(r.Topic); !ok {
		return nil, false
	}
	return []service.Message{reject(r, fail(code, "%s", message), parse(r.Payload).token())}, true
}

func reject(r *service.Request, e *Error, token *string) service.Message {
	return service.Reply(r, r.Topic+"/rejected", service.Encode(rejection{e.Code, e.Message, r.Now.Unix(), token, e.State}))
}
