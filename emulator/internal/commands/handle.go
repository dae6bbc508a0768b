package commands

import (
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// topic is the parts of $aws/commands/{kind}/{id}/executions/{execution}/response[/{format}].
type topic struct {
	target    Target
	execution string
	format    service.Format
	suffix    string // "/json", "/cbor" or nothing
}

// parseTopic reports ours for everything below $aws/commands/, and ok for the topic of a response.
func parseTopic(name string) (t topic, ours, ok bool) {
	if !strings.HasPrefix(name, "$aws/commands/") {
		return t, false, false
	}
	rest, format, named := service.CutFormat(name)
	if t.format = format; named {
		t.suffix = "/" + string(format)
	}
	l := strings.Split(rest, "/")
	if len(l) != 7 || l[4] != "executions" || l[6] != "response" || l[2] != Things && l[2] != Clients {
		return t, true, false
	}
	t.target, t.execution = Target{Kind: l[2], ID: l[3]}, l[5]
	return t, true, true
}

type accepted struct {
	ExecutionID string `json:"executionId"`
}

type rejected struct {
	Error        string `json:"error"`
	ErrorMessage string `json:"errorMessage"`
	ExecutionID  string `json:"executionId"`
}

// Handle takes the response of a device, and answers it: the format stands behind accepted and rejected.
func (s *Service) Handle(r *service.Request) (out []service.Message, ours bool) {
	t, ours, ok := parseTopic(r.Topic)
	if !ok {
		return nil, ours // a mistake in the topic has nowhere to be answered
	}
	if e := s.respond(r, t); e != nil {
		return []service.Message{t.reject(r, e)}, true
	}
	return []service.Message{t.answer(r, "/accepted", accepted{t.execution})}, true
}

// Refuse answers a request with a code of the caller's choice.
func (s *Service) Refuse(r *service.Request, code, message string) ([]service.Message, bool) {
	t, _, ok := parseTopic(r.Topic)
	if !ok {
		return nil, false
	}
	return []service.Message{t.reject(r, fail(code, "%s", message))}, true
}

func (t *topic) reject(r *service.Request, e *Error) service.Message {
	return t.answer(r, "/rejected", rejected{e.Code, e.Message, t.execution})
}

func (t *topic) answer(r *service.Request, what string, body any) service.Message {
	return service.Reply(r, strings.TrimSuffix(r.Topic, t.suffix)+what+t.suffix, t.format.Encode(body))
}

func (s *Service) respond(r *service.Request, t topic) *Error {
	m, err := t.format.Decode(r.Payload)
	if err != nil {
		return fail(InvalidJSON, "The payload is %v", err)
	}
	res, e := parseResponse(m)
	if e != nil {
		return e
	}
	x := s.executions[t.execution]
	switch {
	case x == nil || x.Target != t.target:
		return fail(ResourceNotFound, "There is no command execution %s for this device", t.execution)
	case x.Final:
		return fail(TerminalStateReached, "The command execution is %s", x.Status)
	}
	apply(r.Now, x, res)
	s.arm(x)
	return nil
}
