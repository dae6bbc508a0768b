package gate

import (
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/policy"
)

// The actions of MQTT, and of the credentials provider.
const (
	actionConnect   = "iot:Connect"
	actionPublish   = "iot:Publish"
	actionRetain    = "iot:RetainPublish"
	actionReceive   = "iot:Receive"
	actionSubscribe = "iot:Subscribe"
)

// attempt is what a policy is asked about, beside the action and the resource.
type attempt struct {
	who    *account.Principal
	client string
	// Of a CONNECT.
	attributes []string
	willTopic  string
}

// Allowed reports whether the policies of a principal allow an action on a resource, such as "thing/NAME".
func (g *Gate) Allowed(who *account.Principal, action, resource string) bool {
	return g.denied(&attempt{who: who}, action, resource) == ""
}

// DeniedFor says why the policies of a principal do not allow an action on a resource, where their variables are those of a
// thing; an empty string allows it.
func (g *Gate) DeniedFor(thing string, who *account.Principal, action, resource string) string {
	return g.denied(&attempt{who: who, client: thing}, action, resource)
}

// denied applies policies where they are in force, and says in words which statement is missing or in the way; an empty
// string allows. Whoever came by a listener that asks nobody may do everything, and so may access keys whose role is not
// described.
func (g *Gate) denied(a *attempt, action, resource string) string {
	if !g.opts.EnforcePolicies || a.who.Kind == account.Anonymous || a.who.Kind == account.ByKey && a.who.Policies == nil {
		return ""
	}
	arn := g.account.ARN(resource)
	switch g.evaluate(a, action, arn) {
	case policy.Allow:
		return ""
	case policy.Deny:
		return "a policy denies " + action + " on " + shortened(arn)
	}
	return "no policy allows " + action + " on " + shortened(arn)
}

// shortened makes a name fit into a reason string also where topics have no quota.
func shortened(arn string) string {
	const most = 1024
	if len(arn) <= most {
		return arn
	}
	return strings.ToValidUTF8(arn[:most], "") + "..."
}

func (g *Gate) evaluate(a *attempt, action, arn string) policy.Decision {
	r := policy.Request{Action: action, Resource: arn, Values: func(name string) []string { return g.values(a, name) }}
	return policy.Evaluate(g.documents(a.who), &r)
}

// documents returns the policies of a principal. One that cannot be read allows nothing, and denies nothing either.
func (g *Gate) documents(who *account.Principal) []*policy.Document {
	var list []*policy.Document
	for _, text := range who.Policies {
		list = g.parsed(list, text)
	}
	for _, p := range g.account.PoliciesOf(who.ARN) {
		list = g.parsed(list, p.Document)
	}
	return list
}

// maxParsed is how many documents are kept for the next time.
const maxParsed = 1000

func (g *Gate) parsed(list []*policy.Document, text string) []*policy.Document {
	d, known := g.policies[text]
	if !known {
		if len(g.policies) >= maxParsed {
			clear(g.policies)
		}
		d, _ = policy.Parse(text) // nil where it cannot be read
		g.policies[text] = d
	}
	if d == nil {
		return list
	}
	return append(list, d)
}

// values returns the values of a policy variable or the key of a condition.
func (g *Gate) values(a *attempt, name string) []string {
	one := func(s string) []string {
		if s == "" {
			return nil
		}
		return []string{s}
	}
	switch name {
	case "iot:ClientId":
		return one(a.client)
	case "aws:SourceIp":
		return one(a.who.SourceIP)
	case "iot:ConnectAttributes":
		return a.attributes
	case "iot:LastWillTopic":
		if a.willTopic == "" {
			return nil
		}
		return one(g.account.ARN("topic/" + a.willTopic))
	}
	if rest, ok := strings.CutPrefix(name, "iot:Connection.Thing."); ok {
		return g.thingValues(a, rest, one)
	}
	if rest, ok := strings.CutPrefix(name, "iot:Certificate."); ok && a.who.Leaf != nil {
		return certificateValues(a.who.Leaf, rest)
	}
	return nil
}

// thingValues returns what is known of the thing whose name is the client identifier.
func (g *Gate) thingValues(a *attempt, name string, one func(string) []string) []string {
	t := g.account.Thing(a.client)
	if name == "IsAttached" {
		if t != nil && g.account.Attached(t.Name, a.who.ARN) {
			return one("true")
		}
		return one("false")
	}
	if t == nil {
		return nil
	}
	switch name {
	case "ThingName":
		return one(t.Name)
	case "ThingTypeName":
		return one(t.Type)
	}
	if rest, ok := strings.CutPrefix(name, "Attributes["); ok {
		return one(t.Attributes[strings.TrimSuffix(rest, "]")])
	}
	return nil
}
