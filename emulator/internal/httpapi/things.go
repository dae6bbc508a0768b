package httpapi

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
)

// thingRequest is the body of CreateThing and UpdateThing.
type thingRequest struct {
	ThingTypeName    string `json:"thingTypeName"`
	RemoveThingType  bool   `json:"removeThingType"`
	ExpectedVersion  *int64 `json:"expectedVersion"`
	AttributePayload struct {
		Attributes map[string]string `json:"attributes"`
		Merge      bool              `json:"merge"`
	} `json:"attributePayload"`
}

func (a *api) things() {
	a.control("GET /endpoint", "DescribeEndpoint", "*", a.describeEndpoint)
	a.control("POST /things/{thing}", "CreateThing", "thing/{thing}", a.createThing)
	a.control("GET /things/{thing}", "DescribeThing", "thing/{thing}", a.describeThing)
	a.control("PATCH /things/{thing}", "UpdateThing", "thing/{thing}", a.updateThing)
	a.control("DELETE /things/{thing}", "DeleteThing", "thing/{thing}", a.deleteThing)
	a.control("GET /things", "ListThings", "*", a.listThings)
	a.control("PUT /things/{thing}/principals", "AttachThingPrincipal", "thing/{thing}", a.attachThing(true))
	a.control("DELETE /things/{thing}/principals", "DetachThingPrincipal", "thing/{thing}", a.attachThing(false))
	a.control("GET /things/{thing}/principals", "ListThingPrincipals", "thing/{thing}", a.listThingPrincipals)
	a.control("GET /principals/things", "ListPrincipalThings", "*", a.listPrincipalThings)
}

func (a *api) describeEndpoint(c *call) (any, error) {
	kind := c.URL.Query().Get("endpointType")
	address := a.Endpoint(kind)
	if address == "" {
		return nil, invalid("The emulator has no endpoint of type %q", kind)
	}
	return object{"endpointAddress": address}, nil
}

// thing returns the thing that the path names.
func (c *call) thing() (*account.Thing, error) {
	t := c.account.Thing(c.PathValue("thing"))
	if t == nil {
		return nil, &problem{404, "ResourceNotFoundException", fmt.Sprintf("Thing %s cannot be found.", c.PathValue("thing"))}
	}
	return t, nil
}

// thingID is a UUID that follows from the name.
func thingID(arn string) string {
	b := sha256.Sum256([]byte(arn))
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

func describe(c *call, t *account.Thing) object {
	arn := c.account.ARN("thing/" + t.Name)
	o := object{"thingName": t.Name, "thingArn": arn, "attributes": maps.Clone(t.Attributes), "version": t.Version}
	put(o, "thingTypeName", t.Type)
	return o
}

func (a *api) createThing(c *call) (answer any, err error) {
	var q thingRequest
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	err = a.read(c, func() error {
		t, err := c.account.CreateThing(c.PathValue("thing"))
		same := errors.Is(err, account.ErrExists) && t.Type == q.ThingTypeName && maps.Equal(t.Attributes, q.AttributePayload.Attributes)
		if err != nil && !same {
			return err
		}
		if !same {
			t.Type = q.ThingTypeName
			setAttributes(t, &q)
			t.Version = 1
		}
		arn := c.account.ARN("thing/" + t.Name)
		answer = object{"thingName": t.Name, "thingArn": arn, "thingId": thingID(arn)}
		return nil
	})
	return answer, err
}

// setAttributes replaces or merges attributes; one that is empty is removed.
func setAttributes(t *account.Thing, q *thingRequest) {
	next := map[string]string{}
	if q.AttributePayload.Merge {
		next = maps.Clone(t.Attributes)
	}
	for name, v := range q.AttributePayload.Attributes {
		if v == "" {
			delete(next, name)
		} else {
			next[name] = v
		}
	}
	t.Attributes = next
}

func (a *api) describeThing(c *call) (answer any, err error) {
	err = a.read(c, func() error {
		t, err := c.thing()
		if err != nil {
			return err
		}
		o := describe(c, t)
		o["defaultClientId"], o["thingId"] = t.Name, thingID(o["thingArn"].(string))
		answer = o
		return nil
	})
	return answer, err
}

func (a *api) updateThing(c *call) (any, error) {
	var q thingRequest
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	return nil, a.read(c, func() error {
		t, err := c.thing()
		switch {
		case err != nil:
			return err
		case q.ExpectedVersion != nil && *q.ExpectedVersion != t.Version:
			return conflict(t.Version)
		}
		if q.AttributePayload.Attributes != nil {
			setAttributes(t, &q)
		}
		switch {
		case q.RemoveThingType:
			t.Type = ""
		case q.ThingTypeName != "":
			t.Type = q.ThingTypeName
		}
		t.Version++
		return nil
	})
}

func conflict(version int64) *problem {
	return &problem{409, "VersionConflictException", fmt.Sprintf("The version is %d", version)}
}

func (a *api) deleteThing(c *call) (any, error) {
	return nil, a.read(c, func() error {
		t := c.account.Thing(c.PathValue("thing"))
		v := c.URL.Query().Get("expectedVersion")
		switch {
		case t == nil: // deleting what is not there succeeds
			return nil
		case v != "" && v != fmt.Sprint(t.Version):
			return conflict(t.Version)
		case len(t.Principals()) > 0:
			return invalid("Cannot delete. Thing %s is still attached to one or more principals", t.Name)
		}
		return c.account.DeleteThing(t.Name)
	})
}

func (a *api) listThings(c *call) (answer any, err error) {
	q := c.URL.Query()
	err = a.read(c, func() error {
		var list []object
		for _, t := range c.account.Things() {
			if kind := q.Get("thingTypeName"); kind != "" && kind != t.Type {
				continue
			}
			if name := q.Get("attributeName"); name != "" && t.Attributes[name] != q.Get("attributeValue") {
				continue
			}
			list = append(list, describe(c, t))
		}
		part, next, err := page(c, list, "maxResults")
		o := object{"things": part}
		put(o, "nextToken", next)
		answer = o
		return err
	})
	return answer, err
}

func (a *api) attachThing(attach bool) operation {
	return func(c *call) (any, error) {
		principal := c.Header.Get("X-Amzn-Principal")
		if principal == "" {
			return nil, invalid("The header x-amzn-principal is missing")
		}
		return nil, a.read(c, func() error {
			if _, err := c.thing(); err != nil {
				return err
			}
			if attach {
				return c.account.AttachThing(c.PathValue("thing"), principal)
			}
			return c.account.DetachThing(c.PathValue("thing"), principal)
		})
	}
}

func (a *api) listThingPrincipals(c *call) (answer any, err error) {
	err = a.read(c, func() error {
		t, err := c.thing()
		if err != nil {
			return err
		}
		part, next, err := page(c, t.Principals(), "maxResults")
		o := object{"principals": part}
		put(o, "nextToken", next)
		answer = o
		return err
	})
	return answer, err
}

func (a *api) listPrincipalThings(c *call) (answer any, err error) {
	err = a.read(c, func() error {
		var names []string
		for _, t := range c.account.ThingsOf(c.Header.Get("X-Amzn-Principal")) {
			names = append(names, t.Name)
		}
		part, next, err := page(c, names, "maxResults")
		o := object{"things": part}
		put(o, "nextToken", next)
		answer = o
		return err
	})
	return answer, err
}
