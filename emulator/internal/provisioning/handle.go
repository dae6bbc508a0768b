package provisioning

import (
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// The topics, without the format that follows.
const (
	createTopic = "$aws/certificates/create"
	csrTopic    = "$aws/certificates/create-from-csr"
	templates   = "$aws/provisioning-templates/"
	provision   = "/provision"
)

// request is a request on its way. It outlives the message: a hook may have to decide first.
type request struct {
	from   service.Request // without its payload
	format service.Format
	fields map[string]any
}

// Handle answers a request. There is nothing that tells answers apart but their order, as with the real service.
func (s *Service) Handle(r *service.Request) (out []service.Message, ours bool) {
	name, format, named := service.CutFormat(r.Topic)
	var run func(*request) (any, *Error)
	switch {
	case !named:
		return nil, strings.HasPrefix(r.Topic, "$aws/certificates/") || strings.HasPrefix(r.Topic, templates)
	case name == createTopic:
		run = s.createKeys
	case name == csrTopic:
		run = s.createFromCSR
	case strings.HasPrefix(name, templates) && strings.HasSuffix(name, provision):
		template := strings.TrimSuffix(strings.TrimPrefix(name, templates), provision)
		run = func(q *request) (any, *Error) { return s.register(q, template) }
	default:
		return nil, strings.HasPrefix(r.Topic, "$aws/certificates/") || strings.HasPrefix(r.Topic, templates)
	}
	q := &request{from: *r, format: format, fields: map[string]any{}}
	q.from.Payload = nil
	var err error
	if len(r.Payload) > 0 {
		q.fields, err = format.Decode(r.Payload)
	}
	if err != nil {
		return []service.Message{q.reject(fail(400, invalidPayload, "The payload is %v", err))}, true
	}
	return q.answer(run(q)), true
}

// answer makes the message that ends a request; no body and no error mean that it is not decided yet.
func (q *request) answer(body any, e *Error) []service.Message {
	switch {
	case e != nil:
		return []service.Message{q.reject(e)}
	case body == nil:
		return nil
	}
	return []service.Message{service.Reply(&q.from, q.from.Topic+"/accepted", q.format.Encode(body))}
}

func (q *request) reject(e *Error) service.Message {
	return service.Reply(&q.from, q.from.Topic+"/rejected", q.format.Encode(e))
}

// Refuse answers a request with a code of the caller's choice.
func (s *Service) Refuse(r *service.Request, code, message string) ([]service.Message, bool) {
	name, format, named := service.CutFormat(r.Topic)
	if !named || name != createTopic && name != csrTopic && !(strings.HasPrefix(name, templates) && strings.HasSuffix(name, provision)) {
		return nil, false
	}
	q := request{from: *r, format: format}
	return []service.Message{q.reject(fail(statusOf(code), code, "%s", message))}, true
}

// statusOf returns the status code that belongs to an error code.
func statusOf(code string) int {
	switch code {
	case accessDenied:
		return 403
	case notFound:
		return 404
	case alreadyExists, conflict:
		return 409
	case throttling:
		return 429
	case internalFailure:
		return 500
	}
	return 400
}

func (q *request) text(name string) (string, *Error) {
	s, ok := q.fields[name].(string)
	if !ok || s == "" {
		return "", fail(400, invalidPayload, "%s is missing, or is not text", name)
	}
	return s, nil
}
