package direct

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
)

// The older encryption of keys, inside the PEM block itself, is weak: its key is one MD5 of the pass phrase. Keys that
// carry it exist all the same, and reading them makes them no weaker.

func legacyEncrypted(block *pem.Block) bool {
	//lint:ignore SA1019 see above
	return x509.IsEncryptedPEMBlock(block)
}

func decryptLegacy(block *pem.Block, secret []byte) ([]byte, error) {
	//lint:ignore SA1019 see above
	der, err := x509.DecryptPEMBlock(block, secret)
	if errors.Is(err, x509.IncorrectPasswordError) {
		return nil, ErrPassphrase
	}
	return der, err
}
