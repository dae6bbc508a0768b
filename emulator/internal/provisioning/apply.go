package provisioning

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/policy"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// plan is what a template comes to for one device. Everything is known before anything is done.
type plan struct {
	thing      string
	attributes map[string]string
	thingType  string
	override   map[string]string
	policies   []string // names of policies that exist
	documents  []string // policies to be made
	status     account.CertificateStatus
	config     map[string]string
}

// apply makes the resources of a template, all of them or none.
func (s *Service) apply(q *request, t *Template, certificate string, parameters map[string]string) (any, *Error) {
	values := map[string]string{certificateID: certificate}
	for name, def := range t.parameters {
		v, given := parameters[name]
		switch {
		case strings.HasPrefix(name, ownPrefix): // not the device's to say
		case given:
			values[name] = v
		case def != nil:
			values[name] = *def
		default:
			return nil, fail(400, invalidParameter, "The parameter %q is missing", name)
		}
	}
	p, err := t.plan(&scope{values, t.mappings})
	if err != nil {
		return nil, fail(400, invalidParameter, "The provisioning template %s: %v", t.Name, err)
	}
	if e := s.check(p); e != nil {
		return nil, e
	}
	if err := s.carryOut(q, p, certificate); err != nil {
		return nil, fail(500, internalFailure, "The resources could not be made")
	}
	return registered{p.config, p.thing}, nil
}

func (t *Template) plan(s *scope) (*plan, error) {
	p := &plan{status: account.Active, config: map[string]string{}, attributes: map[string]string{}, override: map[string]string{}}
	for _, r := range t.resources {
		var err error
		switch r.kind {
		case thingKind:
			err = p.addThing(s, r)
		case policyKind:
			err = p.addPolicy(s, r)
		case certificateKind:
			err = p.addCertificate(s, r)
		}
		if err != nil {
			return nil, err
		}
	}
	for key, v := range t.config {
		text, err := s.text(v)
		if err != nil {
			return nil, err
		}
		p.config[key] = text
	}
	return p, nil
}

func (p *plan) addThing(s *scope, r resource) (err error) {
	if p.thing, err = s.text(r.properties["ThingName"]); err != nil {
		return err
	}
	if v, there := r.properties["ThingTypeName"]; there {
		if p.thingType, err = s.text(v); err != nil {
			return err
		}
	}
	attributes, _ := r.properties["AttributePayload"].(map[string]any)
	for key, v := range attributes {
		if p.attributes[key], err = s.text(v); err != nil {
			return err
		}
	}
	p.override = r.override
	return nil
}

func (p *plan) addPolicy(s *scope, r resource) error {
	if v, there := r.properties["PolicyName"]; there {
		name, err := s.text(v)
		p.policies = append(p.policies, name)
		return err
	}
	v, err := s.eval(r.properties["PolicyDocument"])
	if err != nil {
		return err
	}
	document, ok := v.(string)
	if m, isMap := v.(map[string]any); isMap {
		document, ok = string(service.Encode(m)), true
	}
	if !ok {
		return errors.New("the policy has neither a name nor a document")
	}
	if _, err := policy.Parse(document); err != nil {
		return err
	}
	p.documents = append(p.documents, document)
	return nil
}

func (p *plan) addCertificate(s *scope, r resource) error {
	v, there := r.properties["Status"]
	if !there {
		return nil
	}
	status, err := s.text(v)
	switch p.status = account.CertificateStatus(strings.ToUpper(status)); p.status {
	case account.Active, account.Inactive:
	default:
		return errors.New("the certificate's Status is neither ACTIVE nor INACTIVE")
	}
	return err
}

// check looks for what would fail half way.
func (s *Service) check(p *plan) *Error {
	if p.thing != "" && !account.ValidThingName(p.thing) {
		return fail(400, invalidParameter, "%q cannot be the name of a thing", p.thing)
	}
	for _, name := range p.policies {
		if s.c.Account.Policy(name) == nil {
			return fail(404, notFound, "There is no policy %q", name)
		}
	}
	old := s.c.Account.Thing(p.thing)
	if old != nil && (p.override["AttributePayload"] == "FAIL" && !maps.Equal(old.Attributes, p.attributes) ||
		p.override["ThingTypeName"] == "FAIL" && old.Type != p.thingType) {
		return fail(409, conflict, "The thing %s exists already, and is different", p.thing)
	}
	return nil
}

func (s *Service) carryOut(q *request, p *plan, certificate string) error {
	a := s.c.Account
	c := a.Certificate(certificate)
	if c == nil {
		return account.ErrNotFound
	}
	if p.thing != "" {
		if err := s.makeThing(p); err != nil {
			return err
		}
		if err := a.AttachThing(p.thing, c.ARN); err != nil {
			return err
		}
	}
	for _, document := range p.documents {
		sum := sha256.Sum256([]byte(document))
		name := hex.EncodeToString(sum[:16]) // the same document is the same policy
		if _, err := a.CreatePolicy(name, document); err != nil && !errors.Is(err, account.ErrExists) {
			return err
		}
		p.policies = append(p.policies, name)
	}
	for _, name := range p.policies {
		if err := a.AttachPolicy(name, c.ARN); err != nil {
			return err
		}
	}
	return a.SetStatus(c.ID, p.status, q.from.Now)
}

// makeThing makes the thing, or changes the one that is there as far as the template's override settings say so.
func (s *Service) makeThing(p *plan) error {
	t, err := s.c.Account.CreateThing(p.thing)
	if err == nil {
		t.Attributes, t.Type = p.attributes, p.thingType
		return nil
	}
	if !errors.Is(err, account.ErrExists) {
		return err
	}
	switch p.override["AttributePayload"] {
	case "REPLACE":
		t.Attributes = p.attributes
		t.Version++
	case "MERGE":
		t.Attributes = maps.Clone(t.Attributes)
		maps.Copy(t.Attributes, p.attributes)
		t.Version++
	}
	if p.override["ThingTypeName"] == "REPLACE" {
		t.Type = p.thingType
	}
	return nil
}
