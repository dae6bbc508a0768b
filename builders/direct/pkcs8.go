package direct

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
)

// Encrypted PKCS #8 keys: RFC 5958 section 3 around PBES2 of RFC 8018 section 6.2.

type encryptedKeyInfo struct {
	Algorithm algorithm
	Data      []byte
}

type algorithm struct {
	ID         asn1.ObjectIdentifier
	Parameters asn1.RawValue `asn1:"optional"`
}

type pbes2Parameters struct {
	KDF    algorithm
	Cipher algorithm
}

type pbkdf2Parameters struct {
	Salt       []byte
	Iterations int
	KeyLength  int       `asn1:"optional"`
	PRF        algorithm `asn1:"optional"` // absent: HMAC with SHA-1
}

const (
	oidPBES2  = "1.2.840.113549.1.5.13"
	oidPBKDF2 = "1.2.840.113549.1.5.12"
)

var prfs = map[string]func() hash.Hash{
	"":                    sha1.New,
	"1.2.840.113549.2.7":  sha1.New,
	"1.2.840.113549.2.8":  sha256.New224,
	"1.2.840.113549.2.9":  sha256.New,
	"1.2.840.113549.2.10": sha512.New384,
	"1.2.840.113549.2.11": sha512.New,
	"1.2.840.113549.2.12": sha512.New512_224,
	"1.2.840.113549.2.13": sha512.New512_256,
}

var blockCiphers = map[string]struct {
	keySize int
	open    func([]byte) (cipher.Block, error)
}{
	"2.16.840.1.101.3.4.1.2":  {16, aes.NewCipher},
	"2.16.840.1.101.3.4.1.22": {24, aes.NewCipher},
	"2.16.840.1.101.3.4.1.42": {32, aes.NewCipher},
	"1.2.840.113549.3.7":      {24, des.NewTripleDESCipher},
}

var errMalformedKey = errors.New("malformed encrypted PKCS #8 key")

// decryptPKCS8 returns the DER of the PKCS #8 key inside.
func decryptPKCS8(der, secret []byte, maxIterations int) ([]byte, error) {
	var info encryptedKeyInfo
	var scheme pbes2Parameters
	var kdf pbkdf2Parameters
	var iv []byte
	if !unmarshal(der, &info) {
		return nil, errMalformedKey
	}
	if id := info.Algorithm.ID.String(); id != oidPBES2 {
		return nil, unsupported("scheme", id, "PBES2")
	}
	if !unmarshal(info.Algorithm.Parameters.FullBytes, &scheme) {
		return nil, errMalformedKey
	}
	if id := scheme.KDF.ID.String(); id != oidPBKDF2 {
		return nil, unsupported("key derivation", id, "PBKDF2")
	}
	if !unmarshal(scheme.KDF.Parameters.FullBytes, &kdf) {
		return nil, errMalformedKey
	}
	prf, ok := prfs[kdf.PRF.ID.String()]
	if !ok {
		return nil, unsupported("pseudo-random function", kdf.PRF.ID.String(), "HMAC with SHA-1 or SHA-2")
	}
	c, ok := blockCiphers[scheme.Cipher.ID.String()]
	if !ok {
		return nil, unsupported("cipher", scheme.Cipher.ID.String(), "AES or triple DES in CBC mode")
	}
	if !unmarshal(scheme.Cipher.Parameters.FullBytes, &iv) || kdf.KeyLength != 0 && kdf.KeyLength != c.keySize {
		return nil, errMalformedKey
	}
	if kdf.Iterations < 1 || kdf.Iterations > maxIterations {
		return nil, fmt.Errorf("encrypted key asks for %d iterations; at most %d are accepted", kdf.Iterations, maxIterations)
	}
	key, err := pbkdf2.Key(prf, string(secret), kdf.Salt, kdf.Iterations, c.keySize)
	if err != nil {
		return nil, err
	}
	block, err := c.open(key)
	if err != nil {
		return nil, err
	}
	return decryptCBC(block, iv, info.Data)
}

func decryptCBC(block cipher.Block, iv, data []byte) ([]byte, error) {
	size := block.BlockSize()
	if len(iv) != size || len(data) == 0 || len(data)%size != 0 {
		return nil, errMalformedKey
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, data)
	pad := int(plain[len(plain)-1])
	if pad < 1 || pad > size {
		return nil, ErrPassphrase
	}
	for _, b := range plain[len(plain)-pad:] {
		if int(b) != pad {
			return nil, ErrPassphrase
		}
	}
	return plain[:len(plain)-pad], nil
}

// unmarshal reads one value that fills der.
func unmarshal(der []byte, into any) bool {
	rest, err := asn1.Unmarshal(der, into)
	return err == nil && len(rest) == 0
}

func unsupported(what, id, want string) error {
	return fmt.Errorf("encrypted key with unsupported %s %s: want %s", what, id, want)
}
