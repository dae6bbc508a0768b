package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"os"

	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// authorizer is a custom authorizer that accepts one signed token.
type authorizer struct {
	key              *rsa.PublicKey
	token, signature string
}

// everything is a policy that allows everything.
const everything = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*"}}`

func newAuthorizer() (*authorizer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	a := &authorizer{key: &key.PublicKey, token: rand.Text()}
	sum := sha256.Sum256([]byte(a.token))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	a.signature = base64.StdEncoding.EncodeToString(signature)
	return a, err
}

func (a *authorizer) config() iotcore.Authorizer {
	decision := iotcore.AuthorizerDecision{Authenticated: true, PrincipalID: "token", Policies: []string{everything}}
	return iotcore.Authorizer{
		Name: authorizerName, Default: true, TokenKey: tokenKey, SigningKeys: []*rsa.PublicKey{a.key},
		Table: []iotcore.Grant{{Token: a.token, Decision: decision}},
	}
}

// write writes token and signature as variables.
func (a *authorizer) write(dir string) (string, error) {
	return writeEnv(dir, "authorizer.env", [][2]string{{"AUTHORIZER_TOKEN", a.token}, {"AUTHORIZER_SIGNATURE", a.signature}})
}

// writeSecret replaces a file that only the owner may read; an old one does not lend its permissions to the new content.
func writeSecret(name string, data []byte) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(name, data, 0o600)
}
