package provisioning

import (
	"crypto"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Identity is what a device is, in the end.
type Identity struct {
	ThingName     string
	CertificateID string
	Configuration map[string]string // what the template has for the device
	// CertFile and KeyFile are the files with both, in PEM. KeyFile is empty where the key is in a signer.
	CertFile, KeyFile string

	certificate []byte
	signer      crypto.Signer
}

// Load returns the identity that a directory has. signer is the device's key where that is not in the directory. An error
// is fs.ErrNotExist where there is no identity.
func Load(directory string, signer crypto.Signer) (*Identity, error) {
	d := dir(directory)
	fail := func(err error) (*Identity, error) { return nil, fmt.Errorf("provisioning: identity: %w", err) }
	old := new(pending)
	if err := d.readJSON(pendingFile, old); err == nil && old.Thing != nil { // a process has ended in keep
		if err := d.keep(old); err != nil {
			return fail(err)
		}
	}
	var i identity
	if err := d.readJSON(identFile, &i); err != nil {
		return fail(err)
	}
	id := &Identity{ThingName: i.Thing, CertificateID: i.CertificateID, Configuration: i.Configuration,
		CertFile: d.path(certFile), signer: signer}
	var err error
	if id.certificate, err = d.read(certFile); err != nil {
		return fail(damaged(err))
	}
	if signer == nil {
		id.KeyFile = d.path(keyFile)
		text, err := d.read(keyFile)
		if err != nil {
			return fail(damaged(err))
		}
		if id.signer, err = parseKey(text); err != nil {
			return fail(err)
		}
	}
	if err := checkPair(id.certificate, id.signer); err != nil {
		return fail(err)
	}
	return id, nil
}

// damaged says of a file that is absent that it should not be: the identity is there, and must not be replaced silently.
func damaged(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New(err.Error() + ", although " + identFile + " is there")
	}
	return err
}

// keep makes an identity of what is pending, and may be called again with it. identity.json is last: with it, all is there.
func (d dir) keep(p *pending) error {
	err := d.remove(identFile) // an old identity ends here: its parts are replaced one by one
	if err == nil && p.Certificate.PrivateKey != "" {
		err = d.write(keyFile, []byte(p.Certificate.PrivateKey))
	} else if err == nil {
		err = d.remove(keyFile) // of an identity before: now the key is in a signer
	}
	if err == nil {
		err = d.write(certFile, []byte(p.Certificate.PEM))
	}
	if err == nil {
		err = d.writeJSON(identFile, identity{Thing: p.Thing.Name, CertificateID: p.Certificate.ID, Template: p.Template,
			Configuration: p.Thing.Configuration})
	}
	if err == nil {
		err = d.remove(pendingFile) // the token is of no use any more
	}
	if err != nil {
		return fmt.Errorf("provisioning: %w", err)
	}
	return nil
}

// TLS returns the certificate with its key, as builders take it.
func (i *Identity) TLS() tls.Certificate {
	c := tls.Certificate{PrivateKey: i.signer}
	for rest := i.certificate; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return c
		}
		c.Certificate = append(c.Certificate, block.Bytes)
	}
}

// String names the thing, and no secret.
func (i Identity) String() string {
	return fmt.Sprintf("provisioning.Identity{ThingName: %q, CertificateID: %q}", i.ThingName, i.CertificateID)
}

// Format is String for every verb.
func (i Identity) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, i.String()) }

// Forget removes the identity of a directory, and what is left of an attempt to get one.
func Forget(directory string) error {
	d := dir(directory)
	for _, name := range []string{identFile, pendingFile, certFile, keyFile} { // never a part that looks like a whole
		if err := d.remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("provisioning: %w", err)
		}
	}
	return nil
}
