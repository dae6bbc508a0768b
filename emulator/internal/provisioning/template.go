package provisioning

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// Template turns the parameters of a device into resources.
type Template struct {
	iotcore.ProvisioningTemplate
	CreatedAt, UpdatedAt time.Time

	parameters map[string]*string // with their defaults
	mappings   map[string]any
	resources  []resource
	config     map[string]any
}

// resource is a part of what a template makes.
type resource struct {
	name, kind string
	properties map[string]any
	override   map[string]string
}

// The kinds of resources.
const (
	thingKind       = "AWS::IoT::Thing"
	certificateKind = "AWS::IoT::Certificate"
	policyKind      = "AWS::IoT::Policy"
)

const maxBody = 10 << 10

// certificateID is the parameter that the service itself knows; ownPrefix is that of all such.
const (
	ownPrefix     = "AWS::IoT::Certificate::"
	certificateID = ownPrefix + "Id"
)

// Put makes or replaces a template.
func (s *Service) Put(now time.Time, p iotcore.ProvisioningTemplate) error {
	t := Template{ProvisioningTemplate: p}
	if !service.ValidName(t.Name, 36, "") {
		return fail(400, invalidParameter, "%q is not a name of a template: 1 to 36 letters, digits, hyphens and underscores", t.Name)
	}
	if s.templates[t.Name] == nil && len(s.templates) >= maxTemplates {
		return fail(429, throttling, "There may be %d provisioning templates", maxTemplates)
	}
	if err := t.parse(); err != nil {
		return fail(400, invalidParameter, "The provisioning template %s: %v", t.Name, err)
	}
	t.CreatedAt, t.UpdatedAt = now, now
	if old := s.templates[t.Name]; old != nil {
		t.CreatedAt = old.CreatedAt
	}
	s.templates[t.Name] = &t
	return nil
}

// Create makes a template that must not exist yet.
func (s *Service) Create(now time.Time, t iotcore.ProvisioningTemplate) error {
	if s.templates[t.Name] != nil {
		return fail(409, alreadyExists, "The provisioning template %s exists already", t.Name)
	}
	return s.Put(now, t)
}

// Template returns a template.
func (s *Service) Template(name string) (Template, error) {
	t := s.templates[name]
	if t == nil {
		return Template{}, fail(404, notFound, "There is no provisioning template %q", name)
	}
	return *t, nil
}

// Templates lists the templates by name.
func (s *Service) Templates() []Template {
	list := make([]Template, 0, len(s.templates))
	for _, name := range slices.Sorted(maps.Keys(s.templates)) {
		list = append(list, *s.templates[name])
	}
	return list
}

// Delete deletes a template.
func (s *Service) Delete(name string) error {
	if _, err := s.Template(name); err != nil {
		return err
	}
	delete(s.templates, name)
	return nil
}

// parse reads the body and finds what is wrong in it whatever the parameters.
func (t *Template) parse() error {
	if len(t.Body) > maxBody {
		return fmt.Errorf("it is longer than %d bytes", maxBody)
	}
	root, err := service.DecodeObject([]byte(t.Body))
	if err != nil {
		return err
	}
	var body struct {
		Parameters map[string]struct {
			Type    string
			Default *string
		}
		Mappings            map[string]any
		Resources           map[string]struct{ Type string }
		DeviceConfiguration map[string]any
	}
	if err := json.Unmarshal([]byte(t.Body), &body); err != nil {
		return err
	}
	t.parameters = map[string]*string{}
	for name, p := range body.Parameters {
		if p.Type != "String" {
			return fmt.Errorf("the parameter %s is no String", name)
		}
		t.parameters[name] = p.Default
	}
	t.mappings, t.config = body.Mappings, body.DeviceConfiguration
	resources, _ := root["Resources"].(map[string]any)
	if len(resources) == 0 {
		return fmt.Errorf("it has no Resources")
	}
	t.resources = nil
	for name, v := range resources {
		r, err := parseResource(name, v)
		if err != nil {
			return err
		}
		t.resources = append(t.resources, r)
	}
	slices.SortFunc(t.resources, func(a, b resource) int { return cmp.Compare(a.name, b.name) })
	return t.checkReferences()
}

func parseResource(name string, v any) (r resource, err error) {
	m, _ := v.(map[string]any)
	r.name = name
	r.kind, _ = m["Type"].(string)
	r.properties, _ = m["Properties"].(map[string]any)
	switch r.kind {
	case thingKind, certificateKind, policyKind:
	default:
		return r, fmt.Errorf("the resource %s has the type %q, which is none", name, r.kind)
	}
	settings, _ := m["OverrideSettings"].(map[string]any)
	r.override = map[string]string{}
	for key, v := range settings {
		text, _ := v.(string)
		switch text {
		case "DO_NOTHING", "REPLACE", "FAIL", "MERGE":
			r.override[key] = text
		default:
			return r, fmt.Errorf("the resource %s: %s is no override setting", name, key)
		}
	}
	return r, nil
}

// checkReferences looks for references to parameters that are not declared.
func (t *Template) checkReferences() error {
	check := func(name string) error {
		if _, there := t.parameters[name]; !there && name != certificateID {
			return fmt.Errorf("there is no parameter %q", name)
		}
		return nil
	}
	for _, r := range t.resources {
		if err := references(r.properties, check); err != nil {
			return fmt.Errorf("the resource %s: %w", r.name, err)
		}
	}
	return references(t.config, check)
}

func references(v any, check func(string) error) error {
	switch v := v.(type) {
	case map[string]any:
		for key, e := range v {
			if name, ok := e.(string); ok && key == "Ref" && len(v) == 1 {
				return check(name)
			}
			if err := references(e, check); err != nil {
				return err
			}
		}
	case []any:
		for _, e := range v {
			if err := references(e, check); err != nil {
				return err
			}
		}
	}
	return nil
}
