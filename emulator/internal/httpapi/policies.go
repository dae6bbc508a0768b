package httpapi

import (
	"errors"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	rules "github.com/gneiss-mqtt/gneiss-go/emulator/internal/policy"
)

func (a *api) policies() {
	a.control("POST /policies/{name}", "CreatePolicy", "policy/{name}", a.createPolicy)
	a.control("GET /policies/{name}", "GetPolicy", "policy/{name}", a.getPolicy)
	a.control("GET /policies", "ListPolicies", "*", a.listPolicies)
	a.control("DELETE /policies/{name}", "DeletePolicy", "policy/{name}", a.deletePolicy)
	a.control("PUT /target-policies/{name}", "AttachPolicy", "policy/{name}", a.attachPolicy(true))
	a.control("POST /target-policies/{name}", "DetachPolicy", "policy/{name}", a.attachPolicy(false))
	a.control("POST /attached-policies/{target...}", "ListAttachedPolicies", "*", a.attachedPolicies)
}

func policy(p *account.Policy) object { return object{"policyName": p.Name, "policyArn": p.ARN} }

func fullPolicy(p *account.Policy) object {
	o := policy(p)
	o["policyDocument"] = p.Document
	return o
}

func (a *api) createPolicy(c *call) (answer any, err error) {
	var q struct {
		Document string `json:"policyDocument"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	if _, err := rules.Parse(q.Document); err != nil {
		return nil, &problem{400, "MalformedPolicyException", err.Error()}
	}
	err = a.read(c, func() error {
		p, err := c.account.CreatePolicy(c.PathValue("name"), q.Document)
		if err != nil {
			return err
		}
		o := fullPolicy(p)
		o["policyVersionId"] = "1"
		answer = o
		return nil
	})
	return answer, err
}

// policy returns the policy that the path names.
func (c *call) policy() (*account.Policy, error) {
	p := c.account.Policy(c.PathValue("name"))
	if p == nil {
		return nil, &problem{404, "ResourceNotFoundException", "The policy " + c.PathValue("name") + " cannot be found"}
	}
	return p, nil
}

func (a *api) getPolicy(c *call) (answer any, err error) {
	err = a.read(c, func() error {
		p, err := c.policy()
		if err != nil {
			return err
		}
		o := fullPolicy(p)
		o["defaultVersionId"] = "1"
		answer = o
		return nil
	})
	return answer, err
}

func (a *api) listPolicies(c *call) (answer any, err error) {
	err = a.read(c, func() error {
		answer, err = policyPage(c, c.account.Policies())
		return err
	})
	return answer, err
}

func policyPage(c *call, list []*account.Policy) (any, error) {
	var all []object
	for _, p := range list {
		all = append(all, policy(p))
	}
	part, next, err := page(c, all, "pageSize")
	o := object{"policies": part}
	put(o, "nextMarker", next)
	return o, err
}

func (a *api) deletePolicy(c *call) (any, error) {
	return nil, a.read(c, func() error {
		if _, err := c.policy(); err != nil {
			return err
		}
		err := c.account.DeletePolicy(c.PathValue("name"))
		if errors.Is(err, account.ErrInvalid) {
			return &problem{409, "DeleteConflictException", "The policy is attached to one or more principals"}
		}
		return err
	})
}

func (a *api) attachPolicy(attach bool) operation {
	return func(c *call) (any, error) {
		var q struct {
			Target string `json:"target"`
		}
		if err := c.decode(&q); err != nil {
			return nil, err
		}
		if q.Target == "" {
			return nil, invalid("target is missing")
		}
		return nil, a.read(c, func() error {
			if _, err := c.policy(); err != nil {
				return err
			}
			if attach {
				return c.account.AttachPolicy(c.PathValue("name"), q.Target)
			}
			return c.account.DetachPolicy(c.PathValue("name"), q.Target)
		})
	}
}

func (a *api) attachedPolicies(c *call) (answer any, err error) {
	err = a.read(c, func() error {
		answer, err = policyPage(c, c.account.PoliciesOf(c.PathValue("target")))
		return err
	})
	return answer, err
}
