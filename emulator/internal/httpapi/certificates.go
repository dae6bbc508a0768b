package httpapi

import (
	"crypto/x509"
	"encoding/pem"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
)

func (a *api) certificates() {
	a.control("POST /keys-and-certificate", "CreateKeysAndCertificate", "*", func(c *call) (any, error) { return a.createCertificate(c, nil) })
	a.control("POST /certificates", "CreateCertificateFromCsr", "*", a.createFromCSR)
	a.control("POST /certificate/register-no-ca", "RegisterCertificateWithoutCA", "*", a.registerCertificate)
	a.control("GET /certificates/{id}", "DescribeCertificate", "cert/{id}", a.describeCertificate)
	a.control("GET /certificates", "ListCertificates", "*", a.listCertificates)
	a.control("PUT /certificates/{id}", "UpdateCertificate", "cert/{id}", a.updateCertificate)
	a.control("DELETE /certificates/{id}", "DeleteCertificate", "cert/{id}", a.deleteCertificate)
}

func (a *api) createFromCSR(c *call) (any, error) {
	var q struct {
		CSR string `json:"certificateSigningRequest"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	if q.CSR == "" {
		return nil, invalid("certificateSigningRequest is missing")
	}
	return a.createCertificate(c, []byte(q.CSR))
}

// createCertificate makes a certificate. Keys are made without the lock: that takes its time.
func (a *api) createCertificate(c *call, csr []byte) (answer any, err error) {
	certPEM, keyPEM, err := a.Host.NewCertificate(csr)
	if err != nil {
		return nil, invalid("The certificate could not be made: %v", err)
	}
	status := account.Inactive
	if c.flag("setAsActive") {
		status = account.Active
	}
	cert, err := a.store(c, certPEM, status)
	if err != nil {
		return nil, err
	}
	o := object{"certificateArn": cert.ARN, "certificateId": cert.ID, "certificatePem": string(certPEM)}
	if csr == nil {
		public, err := x509.MarshalPKIXPublicKey(cert.Leaf.PublicKey)
		if err != nil {
			return nil, err
		}
		o["keyPair"] = object{
			"PublicKey":  string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
			"PrivateKey": string(keyPEM),
		}
	}
	return o, nil
}

func (a *api) store(c *call, certPEM []byte, status account.CertificateStatus) (cert *account.Certificate, err error) {
	block, _ := pem.Decode(certPEM)
	if block == nil {
		return nil, invalid("The certificate is not PEM")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, invalid("The certificate cannot be read: %v", err)
	}
	err = a.read(c, func() error {
		cert, err = c.account.AddCertificate(leaf, status, c.now)
		return err
	})
	return cert, err
}

func (a *api) registerCertificate(c *call) (any, error) {
	var q struct {
		PEM    string `json:"certificatePem"`
		Status string `json:"status"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	if q.Status == "" {
		q.Status = string(account.Inactive)
	}
	cert, err := a.store(c, []byte(q.PEM), account.CertificateStatus(q.Status))
	if err != nil {
		return nil, err
	}
	return object{"certificateArn": cert.ARN, "certificateId": cert.ID}, nil
}

// certificate returns the certificate that the path names.
func (c *call) certificate() (*account.Certificate, error) {
	cert := c.account.Certificate(c.PathValue("id"))
	if cert == nil {
		return nil, &problem{404, "ResourceNotFoundException", "The certificate given in the request is not known"}
	}
	return cert, nil
}

func summary(cert *account.Certificate) object {
	return object{"certificateArn": cert.ARN, "certificateId": cert.ID, "status": cert.Status, "creationDate": date(cert.Created), "certificateMode": "SNI_ONLY"}
}

func (a *api) describeCertificate(c *call) (answer any, err error) {
	err = a.read(c, func() error {
		cert, err := c.certificate()
		if err != nil {
			return err
		}
		o := summary(cert)
		o["certificatePem"], o["lastModifiedDate"], o["ownedBy"] = cert.PEM(), date(cert.Updated), c.account.ID
		o["validity"] = object{"notBefore": date(cert.Leaf.NotBefore), "notAfter": date(cert.Leaf.NotAfter)}
		answer = object{"certificateDescription": o}
		return nil
	})
	return answer, err
}

func (a *api) listCertificates(c *call) (answer any, err error) {
	err = a.read(c, func() error {
		var list []object
		for _, cert := range c.account.Certificates() {
			list = append(list, summary(cert))
		}
		part, next, err := page(c, list, "pageSize")
		o := object{"certificates": part}
		put(o, "nextMarker", next)
		answer = o
		return err
	})
	return answer, err
}

func (a *api) updateCertificate(c *call) (any, error) {
	id := ""
	err := a.read(c, func() error {
		cert, err := c.certificate()
		if err != nil {
			return err
		}
		id = cert.ID
		return c.account.SetStatus(id, account.CertificateStatus(c.URL.Query().Get("newStatus")), c.now)
	})
	if err == nil {
		a.Host.StatusChanged(id)
	}
	return nil, err
}

func (a *api) deleteCertificate(c *call) (any, error) {
	return nil, a.read(c, func() error {
		cert, err := c.certificate()
		switch {
		case err != nil:
			return err
		case cert.Status == account.Active:
			return &problem{409, "CertificateStateException", "An active certificate cannot be deleted"}
		case len(c.account.ThingsOf(cert.ARN)) > 0 && !c.flag("forceDelete"),
			len(c.account.PoliciesOf(cert.ARN)) > 0 && !c.flag("forceDelete"):
			return &problem{409, "DeleteConflictException", "The certificate has things or policies attached"}
		}
		return c.account.DeleteCertificate(cert.ID)
	})
}
