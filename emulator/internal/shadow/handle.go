package shadow

import (
	"strconv"
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// The operations, as topics name them.
const (
	opGet    = "get"
	opUpdate = "update"
	opDelete = "delete"
)

// parseTopic reads $aws/things/{thing}/shadow[/name/{name}]/{operation}.
func parseTopic(topic string) (k key, op string, ok bool) {
	l := strings.Split(topic, "/")
	if len(l) < 5 || l[0] != "$aws" || l[1] != "things" || l[3] != "shadow" {
		return k, "", false
	}
	k.thing, op = l[2], l[len(l)-1]
	switch {
	case len(l) == 7 && l[4] == "name" && l[5] != "":
		k.name = l[5]
	case len(l) != 5:
		return k, "", false
	}
	return k, op, op == opGet || op == opUpdate || op == opDelete
}

// Handle answers a request. It reports false where the topic is not one of an operation.
func (s *Service) Handle(r *service.Request) (out []service.Message, ok bool) {
	k, op, ok := parseTopic(r.Topic)
	if !ok {
		return nil, false
	}
	var body []byte
	var token *string
	var e *Error
	switch op {
	case opUpdate:
		body, out, token, e = s.update(r.Now, k, r.Payload)
	case opGet:
		if token, e = parsePlain(r.Payload); e == nil {
			body, e = s.get(r.Now, k, token)
		}
	case opDelete:
		if token, e = parsePlain(r.Payload); e == nil {
			body, e = s.remove(r.Now, k, token)
		}
	}
	if e != nil {
		return s.reject(r, e, token), true
	}
	if op != opUpdate {
		return []service.Message{answer(r, "/accepted", body)}, true
	}
	out[0].To = r.ClientID
	return out, true
}

// answer is a message for the sender of a request whether it has subscribed or not, and for everyone who has:
// applications follow the updates of others this way.
func answer(r *service.Request, suffix string, body []byte) service.Message {
	m := service.Broadcast(r.Topic+suffix, body)
	m.To = r.ClientID
	return m
}

type rejection struct {
	Code        int     `json:"code"`
	Message     string  `json:"message"`
	Timestamp   int64   `json:"timestamp"`
	ClientToken *string `json:"clientToken,omitempty"`
}

func (s *Service) reject(r *service.Request, e *Error, token *string) []service.Message {
	return []service.Message{answer(r, "/rejected", service.Encode(rejection{e.Code, e.Message, r.Now.Unix(), token}))}
}

// Refuse answers a request with a code of the caller's choice, 500 where that is no number. It reports false where the
// topic is not one of an operation.
func (s *Service) Refuse(r *service.Request, code, message string) ([]service.Message, bool) {
	if _, _, ok := parseTopic(r.Topic); !ok {
		return nil, false
	}
	n, err := strconv.Atoi(code)
	if err != nil {
		n = 500
	}
	token, _ := parsePlain(r.Payload)
	return s.reject(r, &Error{n, message}, token), true
}

// admit checks the names, and counts the request.
func (s *Service) admit(now time.Time, k key) *Error {
	if !service.ValidThing(k.thing) {
		return errNoThing
	}
	if k.name != "" && !service.ValidName(k.name, 64, ":") {
		return missing(k.thing, k.name)
	}
	return s.throttle(now, k.thing)
}
