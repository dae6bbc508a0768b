package awsiot

import (
	"cmp"
	"encoding/json"
	"strings"
)

// statement is what a policy has to say.
type statement struct {
	Effect   string
	Action   any // a string or several
	Resource any
}

// grant returns the statement that allows the actions on the resources.
func (f *facts) grant(resources []string, actions ...string) string {
	s := statement{Effect: "Allow", Action: one(actions), Resource: nil}
	arns := make([]string, len(resources))
	for i, r := range resources {
		arns[i] = f.arn(r)
	}
	s.Resource = one(arns)
	text, err := marshal(s)
	if err != nil {
		return ""
	}
	return text
}

func one(list []string) any {
	if len(list) == 1 {
		return list[0]
	}
	return list
}

// marshal leaves < and > as they are: nobody puts a policy into HTML.
func marshal(v any) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return strings.TrimSpace(b.String()), err
}

// arn names a resource of AWS IoT. Nobody on the device's side knows the number of the account.
func (f *facts) arn(resource string) string {
	return "arn:" + partition(f.region) + ":iot:" + cmp.Or(f.region, "REGION") + ":ACCOUNT:" + resource
}

func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}
