package provisioning

import (
	"context"
	"fmt"
	"strings"
)

// Thing is what the template has made of the device.
type Thing struct {
	Name string `json:"thingName"`
	// Configuration is what the template has for the device.
	Configuration map[string]string `json:"deviceConfiguration"`
}

// RegisterThing makes a thing by a template and activates the certificate that the token is of: RegisterThing of the
// service. Errors: [ErrInvalidToken], [ErrNotAuthorized] where the template's hook refuses, [ErrNotFound], [ErrInvalid] and
// others of this package; those of package reqres where no answer came: then the thing may have been registered.
//
// It publishes to $aws/provisioning-templates/{template}/provision/{format}.
func (c *Client) RegisterThing(ctx context.Context, template, token string, parameters map[string]string) (*Thing, error) {
	if !validTemplate(template) {
		return nil, fmt.Errorf("provisioning: %q cannot be the name of a template", template)
	}
	request := struct {
		Token      string            `json:"certificateOwnershipToken"`
		Parameters map[string]string `json:"parameters,omitempty"`
	}{token, parameters}
	out := new(Thing)
	if err := c.do(ctx, "register", "$aws/provisioning-templates/"+template+"/provision", request, out); err != nil {
		return nil, err
	}
	return out, nil
}

func validTemplate(s string) bool {
	return s != "" && len(s) <= 36 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	})
}
