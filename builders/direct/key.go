package direct

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
)

// Errors about encrypted keys.
var (
	// ErrPassphraseNeeded means that a key is encrypted and Options.Passphrase is not set.
	ErrPassphraseNeeded = errors.New("the key is encrypted and no pass phrase is given")
	// ErrPassphrase means that an encrypted key cannot be read with the pass phrase. A damaged key looks the same.
	ErrPassphrase = errors.New("wrong pass phrase")
)

const (
	pkcs8Encrypted = "ENCRYPTED PRIVATE KEY"
	maxIterations  = 10_000_000 // bounds the work that a key file may ask for: some seconds
)

// keyBlock returns the first private key of the text. Others, such as EC PARAMETERS, may stand before it.
func keyBlock(text []byte) (*pem.Block, error) {
	seen := false
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		switch {
		case block == nil && seen:
			return nil, errors.New("no private key among its PEM blocks")
		case block == nil:
			return nil, errNoPEM
		case block.Type == "PRIVATE KEY" || strings.HasSuffix(block.Type, " PRIVATE KEY"):
			return block, nil
		}
		seen = true
	}
}

func encrypted(block *pem.Block) bool {
	return block.Type == pkcs8Encrypted || legacyEncrypted(block)
}

// parseKey reads the first private key of the text and asks for the pass phrase only when it is needed.
func parseKey(ctx context.Context, text []byte, passphrase func(context.Context) ([]byte, error)) (crypto.PrivateKey, error) {
	block, err := keyBlock(text)
	if err != nil {
		return nil, err
	}
	if !encrypted(block) {
		return parsePlainKey(block.Type, block.Bytes)
	}
	if passphrase == nil {
		return nil, ErrPassphraseNeeded
	}
	secret, err := passphrase(ctx)
	if err != nil {
		return nil, err
	}
	if block.Type == pkcs8Encrypted {
		der, err := decryptPKCS8(block.Bytes, secret, maxIterations)
		if err != nil {
			return nil, err
		}
		return decrypted("PRIVATE KEY", der)
	}
	der, err := decryptLegacy(block, secret)
	if err != nil {
		return nil, err
	}
	return decrypted(block.Type, der)
}

// decrypted reads a key that has just been decrypted. Padding alone finds a wrong pass phrase only 255 times of 256.
func decrypted(kind string, der []byte) (crypto.PrivateKey, error) {
	key, err := parsePlainKey(kind, der)
	if err != nil {
		return nil, ErrPassphrase
	}
	return key, nil
}

func parsePlainKey(kind string, der []byte) (crypto.PrivateKey, error) {
	switch kind {
	case "RSA PRIVATE KEY":
		return parsed(x509.ParsePKCS1PrivateKey(der))
	case "EC PRIVATE KEY":
		return parsed(x509.ParseECPrivateKey(der))
	case "PRIVATE KEY":
		return x509.ParsePKCS8PrivateKey(der)
	}
	return nil, errors.New("a PEM block of type " + strings.TrimSpace(kind) + " is not supported: want PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY")
}

// parsed keeps the nil of a failure from becoming an interface that is not nil.
func parsed[K crypto.PrivateKey](key K, err error) (crypto.PrivateKey, error) {
	if err != nil {
		return nil, err
	}
	return key, nil
}
