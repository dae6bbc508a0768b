package httpapi

import (
	"crypto/x509"
	"encoding/pem"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/provisioning"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

func (a *api) provisioning() {
	const name = "provisioningtemplate/{name}"
	a.control("POST /provisioning-templates", "CreateProvisioningTemplate", "*", a.createTemplate)
	a.control("GET /provisioning-templates/{name}", "DescribeProvisioningTemplate", name, a.describeTemplate)
	a.control("GET /provisioning-templates", "ListProvisioningTemplates", "*", a.listTemplates)
	a.control("DELETE /provisioning-templates/{name}", "DeleteProvisioningTemplate", name, a.deleteTemplate)
	a.control("POST /provisioning-templates/{name}/provisioning-claim", "CreateProvisioningClaim", name, a.createClaim)
}

func (a *api) createTemplate(c *call) (answer any, err error) {
	var q struct {
		Name        string  `json:"templateName"`
		Description string  `json:"description"`
		Body        string  `json:"templateBody"`
		Enabled     bool    `json:"enabled"`
		Hook        *object `json:"preProvisioningHook"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	if q.Hook != nil {
		return nil, invalid("The emulator calls no Lambda functions: hooks are given in Go")
	}
	err = a.read(c, func() error {
		answer = object{"templateArn": a.Provisioning.ARN(q.Name), "templateName": q.Name, "defaultVersionId": 1}
		return a.Provisioning.Create(c.now, iotcore.ProvisioningTemplate{Name: q.Name, Description: q.Description, Body: q.Body, Disabled: !q.Enabled})
	})
	return answer, err
}

func (a *api) template(t *provisioning.Template) object {
	o := object{"templateName": t.Name, "templateArn": a.Provisioning.ARN(t.Name), "enabled": !t.Disabled, "type": "FLEET_PROVISIONING",
		"creationDate": date(t.CreatedAt), "lastModifiedDate": date(t.UpdatedAt)}
	put(o, "description", t.Description)
	return o
}

func (a *api) describeTemplate(c *call) (answer any, err error) {
	err = a.read(c, func() error {
		t, err := a.Provisioning.Template(c.PathValue("name"))
		if err != nil {
			return err
		}
		o := a.template(&t)
		o["templateBody"], o["defaultVersionId"] = t.Body, 1
		answer = o
		return nil
	})
	return answer, err
}

func (a *api) listTemplates(c *call) (answer any, err error) {
	err = a.read(c, func() error {
		var list []object
		for _, t := range a.Provisioning.Templates() {
			list = append(list, a.template(&t))
		}
		part, next, err := page(c, list, "maxResults")
		o := object{"templates": part}
		put(o, "nextToken", next)
		answer = o
		return err
	})
	return answer, err
}

func (a *api) deleteTemplate(c *call) (any, error) {
	return nil, a.read(c, func() error { return a.Provisioning.Delete(c.PathValue("name")) })
}

func (a *api) createClaim(c *call) (answer any, err error) {
	certPEM, keyPEM, err := a.Host.NewCertificate(nil)
	if err != nil {
		return nil, err
	}
	err = a.read(c, func() error {
		claim, err := a.Provisioning.NewClaim(c.now, c.PathValue("name"), certPEM, keyPEM)
		if err != nil {
			return err
		}
		public, err := x509.MarshalPKIXPublicKey(c.account.Certificate(claim.CertificateID).Leaf.PublicKey)
		answer = object{"certificateId": claim.CertificateID, "certificatePem": string(claim.CertPEM), "expiration": date(claim.Expires),
			"keyPair": object{"PublicKey": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), "PrivateKey": string(claim.KeyPEM)}}
		return err
	})
	return answer, err
}
