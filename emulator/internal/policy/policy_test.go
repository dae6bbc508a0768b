package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/policy"
)

const arn = "arn:aws:iot:us-east-1:123456789012:"

// document is a policy of statements, each "Effect action resource [condition]" with the ARN's beginning left out.
func document(t *testing.T, lines ...string) *policy.Document {
	t.Helper()
	var list []string
	for _, l := range lines {
		parts := strings.SplitN(l, " ", 4)
		s := fmt.Sprintf(`{"Effect":%q,"Action":%q,"Resource":%q`, parts[0], parts[1], arn+parts[2])
		if len(parts) == 4 {
			s += `,"Condition":` + parts[3]
		}
		list = append(list, s+"}")
	}
	d, err := policy.Parse(`{"Version":"2012-10-17","Statement":[` + strings.Join(list, ",") + `]}`)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var values = map[string][]string{
	"iot:ClientId": {"dev1"}, "iot:Connection.Thing.ThingName": {"dev1"}, "iot:Connection.Thing.IsAttached": {"true"},
	"iot:Connection.Thing.Attributes[room]": {"kitchen"}, "evil": {"*"}, "plus": {"+"}, "long": {strings.Repeat("x", 1025)},
	"two": {"a", "b"}, "aws:SourceIp": {"10.1.2.3"}, "iot:ConnectAttributes": {"PersistentConnect"},
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		lines            []string
		action, resource string
		want             policy.Decision
	}{
		"nothing about it":        {[]string{"Allow iot:Publish topic/a"}, "iot:Publish", "topic/b", policy.Nothing},
		"another action":          {[]string{"Allow iot:Publish topic/a"}, "iot:Receive", "topic/a", policy.Nothing},
		"exactly":                 {[]string{"Allow iot:Publish topic/a"}, "iot:Publish", "topic/a", policy.Allow},
		"actions have no case":    {[]string{"Allow IOT:publish topic/a"}, "iot:Publish", "topic/a", policy.Allow},
		"resources have":          {[]string{"Allow iot:Publish topic/A"}, "iot:Publish", "topic/a", policy.Nothing},
		"star crosses levels":     {[]string{"Allow iot:Publish topic/a*"}, "iot:Publish", "topic/a/b/c", policy.Allow},
		"star in the middle":      {[]string{"Allow iot:Publish topic/*/c"}, "iot:Publish", "topic/a/b/c", policy.Allow},
		"star, nothing left":      {[]string{"Allow iot:Publish topic/a/*"}, "iot:Publish", "topic/a", policy.Nothing},
		"question mark":           {[]string{"Allow iot:Publish topic/a?c"}, "iot:Publish", "topic/aéc", policy.Allow},
		"question mark, two":      {[]string{"Allow iot:Publish topic/a?c"}, "iot:Publish", "topic/abbc", policy.Nothing},
		"any action":              {[]string{"Allow iot:* *"}, "iot:Subscribe", "topicfilter/#", policy.Allow},
		"plus is a letter":        {[]string{"Allow iot:Subscribe topicfilter/a/+/b"}, "iot:Subscribe", "topicfilter/a/x/b", policy.Nothing},
		"plus, literally":         {[]string{"Allow iot:Subscribe topicfilter/a/+/b"}, "iot:Subscribe", "topicfilter/a/+/b", policy.Allow},
		"hash is a letter":        {[]string{"Allow iot:Subscribe topicfilter/a/#"}, "iot:Subscribe", "topicfilter/a/b", policy.Nothing},
		"deny wins":               {[]string{"Allow iot:* *", "Deny iot:Publish topic/secret*"}, "iot:Publish", "topic/secret/1", policy.Deny},
		"deny first":              {[]string{"Deny iot:Publish topic/secret*", "Allow iot:* *"}, "iot:Publish", "topic/secret/1", policy.Deny},
		"deny elsewhere":          {[]string{"Allow iot:* *", "Deny iot:Publish topic/secret*"}, "iot:Publish", "topic/open", policy.Allow},
		"variable":                {[]string{"Allow iot:Publish topic/${iot:ClientId}/x"}, "iot:Publish", "topic/dev1/x", policy.Allow},
		"variable, another":       {[]string{"Allow iot:Publish topic/${iot:ClientId}/x"}, "iot:Publish", "topic/dev2/x", policy.Nothing},
		"attribute":               {[]string{"Allow iot:Publish topic/${iot:Connection.Thing.Attributes[room]}"}, "iot:Publish", "topic/kitchen", policy.Allow},
		"no value":                {[]string{"Allow iot:Publish topic/${iot:Nothing}*"}, "iot:Publish", "topic/a", policy.Nothing},
		"dangerous value":         {[]string{"Allow iot:Publish topic/${evil}"}, "iot:Publish", "topic/a", policy.Nothing},
		"dangerous, itself":       {[]string{"Allow iot:Publish topic/${plus}"}, "iot:Publish", "topic/+", policy.Nothing},
		"long value":              {[]string{"Allow iot:Publish topic/${long}"}, "iot:Publish", "topic/" + strings.Repeat("x", 1025), policy.Nothing},
		"two values":              {[]string{"Allow iot:Publish topic/${two}"}, "iot:Publish", "topic/a", policy.Nothing},
		"not closed":              {[]string{"Allow iot:Publish topic/${two"}, "iot:Publish", "topic/${two", policy.Nothing},
		"escaped star":            {[]string{"Allow iot:Publish topic/${*}"}, "iot:Publish", "topic/*", policy.Allow},
		"escaped star, other":     {[]string{"Allow iot:Publish topic/${*}"}, "iot:Publish", "topic/a", policy.Nothing},
		"condition":               {[]string{`Allow iot:Connect client/* {"Bool":{"iot:Connection.Thing.IsAttached":"true"}}`}, "iot:Connect", "client/dev1", policy.Allow},
		"condition, list":         {[]string{`Allow iot:Connect client/* {"Bool":{"iot:Connection.Thing.IsAttached":["true"]}}`}, "iot:Connect", "client/dev1", policy.Allow},
		"condition, JSON true":    {[]string{`Allow iot:Connect client/* {"Bool":{"iot:Connection.Thing.IsAttached":true}}`}, "iot:Connect", "client/dev1", policy.Allow},
		"condition, false":        {[]string{`Allow iot:Connect client/* {"Bool":{"iot:Connection.Thing.IsAttached":"false"}}`}, "iot:Connect", "client/dev1", policy.Nothing},
		"all of nothing":          {[]string{`Allow iot:Connect client/* {"ForAllValues:StringEquals":{"iot:None":["x"]}}`}, "iot:Connect", "client/dev1", policy.Allow},
		"any of nothing":          {[]string{`Allow iot:Connect client/* {"ForAnyValue:StringEquals":{"iot:None":["x"]}}`}, "iot:Connect", "client/dev1", policy.Nothing},
		"all values":              {[]string{`Allow iot:Connect client/* {"ForAllValues:StringEquals":{"iot:ConnectAttributes":["PersistentConnect"]}}`}, "iot:Connect", "client/dev1", policy.Allow},
		"all values, not all":     {[]string{`Allow iot:Connect client/* {"ForAllValues:StringEquals":{"two":["a"]}}`}, "iot:Connect", "client/dev1", policy.Nothing},
		"any value":               {[]string{`Allow iot:Connect client/* {"ForAnyValue:StringEquals":{"two":["b","c"]}}`}, "iot:Connect", "client/dev1", policy.Allow},
		"address":                 {[]string{`Allow iot:Connect client/* {"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`}, "iot:Connect", "client/dev1", policy.Allow},
		"not that address":        {[]string{`Allow iot:Connect client/* {"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`}, "iot:Connect", "client/dev1", policy.Nothing},
		"if it exists":            {[]string{`Allow iot:Connect client/* {"StringEqualsIfExists":{"iot:None":"x"}}`}, "iot:Connect", "client/dev1", policy.Allow},
		"both conditions":         {[]string{`Allow iot:Connect client/* {"StringLike":{"iot:ClientId":"dev*"},"StringNotEquals":{"iot:ClientId":"dev1"}}`}, "iot:Connect", "client/dev1", policy.Nothing},
		"variable in a value":     {[]string{`Allow iot:Connect client/* {"StringEquals":{"iot:ClientId":"${iot:Connection.Thing.ThingName}"}}`}, "iot:Connect", "client/dev1", policy.Allow},
		"variable, ignoring case": {[]string{`Allow iot:Connect client/* {"StringEqualsIgnoreCase":{"iot:ClientId":"${iot:Connection.Thing.ThingName}"}}`}, "iot:Connect", "client/dev1", policy.Allow},
		"text, ignoring case":     {[]string{`Allow iot:Connect client/* {"StringEqualsIgnoreCase":{"iot:ClientId":"DEV1"}}`}, "iot:Connect", "client/dev1", policy.Allow},
		"other, ignoring case":    {[]string{`Deny iot:Connect client/* {"StringNotEqualsIgnoreCase":{"iot:ClientId":"Dev1"}}`}, "iot:Connect", "client/dev1", policy.Nothing},
		"no stars without Like":   {[]string{`Allow iot:Connect client/* {"StringEquals":{"iot:ClientId":"dev*"}}`}, "iot:Connect", "client/dev1", policy.Nothing},
		"many stars, in no time":  {[]string{"Allow iot:Publish topic/" + strings.Repeat("*a", 500) + "b"}, "iot:Publish", "topic/" + strings.Repeat("a", 5000), policy.Nothing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := policy.Request{Action: tc.action, Resource: arn + tc.resource, Values: func(n string) []string { return values[n] }}
			if got := policy.Evaluate([]*policy.Document{document(t, tc.lines...)}, &r); got != tc.want {
				t.Errorf("%d, want %d", got, tc.want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iot:Connect","iot:Publish"],"Resource":"*","Sid":"one"}}`: true,
		`{"Version":"2012-10-17","Statement":[]}`:                                                                             false,
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`:                                                        false,
		`{"Version":"2012-10-17","Statement":{"Effect":"allow","Action":"*","Resource":"*"}}`:                                 false,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"publish","Resource":"*"}}`:                           false,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*"}}`:                                                false,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":{},"Resource":"*"}}`:                                  false,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","NotResource":"*"}}`:                              false,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Maybe":{"a":"b"}}}}`: false,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}} {}`:                              false,
		`{"Version":"2012-10-17","Statement":`:                                                                                false,
		``:                                                                                                                    false,
	} {
		if _, err := policy.Parse(text); (err == nil) != ok || err != nil && !errors.Is(err, policy.ErrDocument) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"a${iot:ClientId}*","Condition":{"StringLike":{"a":"b?"}}}}`, "a")
	f.Fuzz(func(t *testing.T, text, resource string) {
		d, err := policy.Parse(text)
		if err != nil {
			return
		}
		policy.Evaluate([]*policy.Document{d}, &policy.Request{Action: "iot:Publish", Resource: resource, Values: func(n string) []string { return []string{n} }})
	})
}
