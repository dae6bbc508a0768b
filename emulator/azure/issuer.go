package azure

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Audience is what tokens for Event Grid are made out to.
const Audience = "https://eventgrid.azure.net/"

// Issuer signs tokens (RS256), in place of Microsoft Entra or an issuer of one's own. Its key is its alone.
type Issuer struct {
	key *rsa.PrivateKey
}

// NewIssuer returns an issuer with a new key.
func NewIssuer() (*Issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("azure: %w", err)
	}
	return &Issuer{key: key}, nil
}

type claims struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	Audience  string `json:"aud"`
	NotBefore int64  `json:"nbf"`
	Expires   int64  `json:"exp"`
	ID        string `json:"jti"`
}

const jwtHeader = `{"alg":"RS256","typ":"JWT"}`

// Token returns a token for a subject that is valid from now to expires, no two of them the same.
func (i *Issuer) Token(subject string, expires time.Time) (string, error) {
	body, err := json.Marshal(claims{Issuer: "https://issuer.example/", Subject: subject, Audience: Audience,
		NotBefore: time.Now().Unix(), Expires: expires.Unix(), ID: rand.Text()})
	if err != nil {
		return "", err
	}
	text := encode([]byte(jwtHeader)) + "." + encode(body)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(nil, i.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("azure: %w", err)
	}
	return text + "." + encode(sig), nil
}

func encode(p []byte) string { return base64.RawURLEncoding.EncodeToString(p) }

var errToken = errors.New("azure: not a token of this issuer")

// verify returns the subject and the end of a token.
func (i *Issuer) verify(token string, now time.Time) (subject string, expires time.Time, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", expires, errToken
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || rsa.VerifyPKCS1v15(&i.key.PublicKey, crypto.SHA256, sum[:], sig) != nil {
		return "", expires, errToken
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	var c claims
	if err != nil || json.Unmarshal(body, &c) != nil {
		return "", expires, errToken
	}
	expires = time.Unix(c.Expires, 0)
	switch {
	case c.Audience != Audience:
		return "", expires, errors.New("azure: the token is for another audience")
	case !now.Before(expires):
		return "", expires, errors.New("azure: the token has expired")
	case now.Unix() < c.NotBefore:
		return "", expires, errors.New("azure: the token is not valid yet")
	}
	return c.Subject, expires, nil
}
