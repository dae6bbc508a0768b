package provisioning

import (
	"errors"
	"maps"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// The types of the public API, which are the same.
type (
	Event    = iotcore.ProvisioningEvent
	Decision = iotcore.ProvisioningDecision
	Hook     = iotcore.ProvisioningHook
)

// Call is a hook to be called. The answer goes to Resolve.
type Call struct {
	ID    uint64
	Hook  Hook
	Event Event
}

var errTooSlow = errors.New("the pre-provisioning hook took too long")

// call is a request that waits for its hook.
type call struct {
	q        *request
	template *Template
	event    Event
	deadline time.Time
}

// registered is the answer to RegisterThing.
type registered struct {
	DeviceConfiguration map[string]string `json:"deviceConfiguration"`
	ThingName           string            `json:"thingName"`
}

// register begins a RegisterThing. With a hook the answer comes later.
func (s *Service) register(q *request, name string) (any, *Error) {
	t := s.templates[name]
	if t == nil {
		return nil, fail(404, notFound, "There is no provisioning template %q", name)
	}
	if t.Disabled {
		return nil, fail(403, accessDenied, "The provisioning template %s is not enabled", name)
	}
	token, e := q.text("certificateOwnershipToken")
	if e != nil {
		return nil, e
	}
	parameters, e := q.parameters()
	if e != nil {
		return nil, e
	}
	o := s.tokens[token]
	if o == nil || !q.from.Now.Before(o.Expires) {
		return nil, fail(400, invalidToken, "The certificate ownership token is not known, or has expired")
	}
	c := s.c.Account.Certificate(o.Certificate)
	if c == nil {
		return nil, fail(400, invalidToken, "The certificate is gone")
	}
	if t.Hook == nil {
		return s.apply(q, t, c.ID, parameters)
	}
	if len(s.calls) >= maxCalls {
		return nil, fail(429, throttling, "Too many devices are waiting for pre-provisioning hooks")
	}
	s.lastCall++
	event := Event{ClaimCertificateID: q.from.CertificateID, CertificateID: c.ID, CertificatePEM: c.PEM(), TemplateARN: s.ARN(name),
		TemplateName: name, ClientID: q.from.ClientID, Parameters: maps.Clone(parameters)}
	s.calls[s.lastCall] = &call{q, t, event, q.from.Now.Add(HookTimeout)}
	s.fresh = append(s.fresh, Call{s.lastCall, t.Hook, event})
	return nil, nil
}

// ARN returns the name of a template.
func (s *Service) ARN(name string) string { return s.c.Account.ARN("provisioningtemplate/" + name) }

// parameters reads the parameters of the device, all of them text.
func (q *request) parameters() (map[string]string, *Error) {
	v := q.fields["parameters"]
	if v == nil {
		return map[string]string{}, nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fail(400, invalidPayload, "parameters must be an object")
	}
	parameters := make(map[string]string, len(m))
	for name, v := range m {
		text, ok := v.(string)
		if !ok {
			return nil, fail(400, invalidParameter, "The parameter %q is not text", name)
		}
		parameters[name] = text
	}
	return parameters, nil
}

// TakeCalls returns the hooks that are to be called.
func (s *Service) TakeCalls() []Call {
	calls := s.fresh
	s.fresh = nil
	return calls
}

// Resolve goes on with a request whose hook has decided. It is ignored where that comes too late.
func (s *Service) Resolve(now time.Time, id uint64, d Decision, err error) []service.Message {
	c := s.calls[id]
	if c == nil {
		return nil
	}
	delete(s.calls, id)
	c.q.from.Now = now
	switch {
	case err != nil:
		return c.q.answer(nil, fail(403, accessDenied, "Pre-provisioning hook failed"))
	case !d.Allow:
		return c.q.answer(nil, fail(403, accessDenied, "Pre-provisioning hook denied provisioning"))
	}
	parameters := maps.Clone(c.event.Parameters)
	maps.Copy(parameters, d.Overrides)
	return c.q.answer(s.apply(c.q, c.template, c.event.CertificateID, parameters))
}
