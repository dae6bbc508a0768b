package provisioning

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
)

// Options are for [Provision].
type Options struct {
	// Template is the name of the provisioning template.
	Template string
	// Parameters are what the template needs of the device.
	Parameters map[string]string
	// Dir is where the identity is kept: a directory of its own, made with mode 0700 where it is not there. Files have mode
	// 0600. It is neither a directory for one device of several nor to be used by two processes at a time.
	Dir string
	// Signer is the device's key, which never leaves it. Without one, and without OwnKey, the service makes the key.
	Signer crypto.Signer
	// OwnKey makes a key on P-256 here and keeps it in Dir, so that it crosses no network.
	OwnKey bool
	// Format is that of the messages. Default JSON.
	Format Format
	// Fresh makes a new certificate and registers it, although Dir has an identity. The old one is there until the new one
	// is complete.
	Fresh bool
}

// tokenLife is how long a token is used: the service lets it expire after an hour.
const tokenLife = 55 * time.Minute

// Provision returns the identity of the device, and gets one from the service where Dir has none. r is on a client that
// is connected with the claim. Where Dir has an identity already r is not used, and may be nil; [Load] does not need it.
//
// The process may end at any moment. A certificate is on the disk with its key before it is registered, and the next call
// goes on from there. Errors are those of the operations, those of the file system, and [*MalformedError] where the service
// sends a certificate of another key. After an error, call it again.
func Provision(ctx context.Context, r *reqres.Client, o Options) (*Identity, error) {
	if !o.Fresh {
		if id, err := Load(o.Dir, o.Signer); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return id, err
		}
	}
	if o.Format == "" {
		o.Format = JSON
	}
	if o.Dir == "" || !validTemplate(o.Template) {
		return nil, fmt.Errorf("provisioning: no directory, or %q cannot be the name of a template", o.Template)
	}
	if r == nil {
		return nil, fmt.Errorf("provisioning: there is no identity in %s, and no client to get one with", o.Dir)
	}
	c, err := New(r, o.Format)
	if err != nil {
		return nil, err
	}
	p := &provisioner{c: c, o: o, dir: dir(o.Dir)}
	if err := p.dir.prepare(); err != nil {
		return nil, fmt.Errorf("provisioning: %w", err)
	}
	if err := p.run(ctx); err != nil {
		return nil, err
	}
	return Load(o.Dir, o.Signer)
}

type provisioner struct {
	c   *Client
	o   Options
	dir dir
}

// run gets a certificate, or goes on with the one that an earlier process has got, and registers it.
func (p *provisioner) run(ctx context.Context) error {
	now, err := p.resume()
	if err != nil {
		return err
	}
	for resumed := now != nil; ; resumed = false {
		if now == nil {
			if now, err = p.create(ctx); err != nil {
				return err
			}
		}
		if now.Thing != nil {
			return p.dir.keep(now)
		}
		now.Thing, err = p.c.RegisterThing(ctx, p.o.Template, now.Certificate.Token, p.o.Parameters)
		switch {
		case err == nil:
			step("registered")
			if err := p.dir.writeJSON(pendingFile, now); err != nil {
				return fmt.Errorf("provisioning: %w", err)
			}
		case resumed && errors.Is(err, ErrInvalidToken):
			// It may have been registered, and the answer lost with the process that had asked. Nobody can say as what,
			// so the device registers anew.
			if err := p.dir.remove(pendingFile); err != nil {
				return fmt.Errorf("provisioning: %w", err)
			}
			now = nil
		default:
			return err
		}
	}
}

// resume returns what an earlier process has left, nil where that is of no use.
func (p *provisioner) resume() (*pending, error) {
	old := new(pending)
	err := p.dir.readJSON(pendingFile, old)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && old.Thing != nil && old.Template != p.o.Template { // complete first what is to be replaced
		return nil, p.dir.keep(old)
	}
	age := time.Since(old.Created)
	if err == nil && old.Thing != nil && p.check(&old.Certificate) == nil {
		return old, nil // however old: the token is used
	}
	if err != nil || old.Template != p.o.Template || age < 0 || age > tokenLife || p.check(&old.Certificate) != nil {
		if err := p.dir.remove(pendingFile); err != nil {
			return nil, fmt.Errorf("provisioning: %w", err)
		}
		return nil, nil
	}
	return old, nil
}

// create gets a certificate and brings it to the disk.
func (p *provisioner) create(ctx context.Context) (*pending, error) {
	var cert *Certificate
	var err error
	if p.o.Signer == nil && !p.o.OwnKey {
		cert, err = p.c.CreateKeysAndCertificate(ctx)
	} else {
		cert, err = p.createFromCSR(ctx)
	}
	if err != nil {
		return nil, err
	}
	step("created")
	if err := p.check(cert); err != nil {
		return nil, fmt.Errorf("provisioning: %w", &MalformedError{Topic: "$aws/certificates/...", Err: err})
	}
	now := &pending{Template: p.o.Template, Certificate: *cert, Created: time.Now()}
	if err := p.dir.writeJSON(pendingFile, now); err != nil {
		return nil, fmt.Errorf("provisioning: %w", err)
	}
	return now, nil
}

// createFromCSR gets a certificate for the signer's key, or for one that is made here and stays on the disk.
func (p *provisioner) createFromCSR(ctx context.Context) (*Certificate, error) {
	signer := p.o.Signer
	var text []byte
	if signer == nil {
		var err error
		if signer, text, err = newKey(); err != nil {
			return nil, fmt.Errorf("provisioning: %w", err)
		}
	}
	csr, err := CSR(signer, "AWS IoT Certificate")
	if err != nil {
		return nil, err
	}
	cert, err := p.c.CreateCertificateFromCSR(ctx, csr)
	if err != nil {
		return nil, err
	}
	cert.PrivateKey = string(text)
	return cert, nil
}

// check reports why a certificate cannot become the identity.
func (p *provisioner) check(cert *Certificate) error {
	if cert.Token == "" || cert.ID == "" {
		return errors.New("no certificate identifier or no ownership token")
	}
	signer := p.o.Signer
	if signer == nil {
		var err error
		if signer, err = parseKey([]byte(cert.PrivateKey)); err != nil {
			return err
		}
	}
	return checkPair([]byte(cert.PEM), signer)
}
