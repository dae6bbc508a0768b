package provisioning

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
)

// These tests share the variable step, by which some of them end the process: none runs beside another.

// cloud is a broker with the provisioning service behind it, and an authority that signs.
type cloud struct {
	*mqtttest.Peer
	t  testing.TB
	ca *ecdsa.PrivateKey

	mu         sync.Mutex
	rsa        bool            // keys of the service are RSA, as the real ones
	tokens     map[string]bool // true: used
	things     []string
	made       int
	requests   []string
	refuse     func(topic string) *Error
	other      bool // certificates are of another key
	parameters map[string]string
}

func newCloud(t testing.TB) *cloud {
	ca, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &cloud{Peer: mqtttest.NewPeer(t), t: t, ca: ca, tokens: make(map[string]bool)}
	c.Serve(c.answer)
	return c
}

func (c *cloud) sign(public crypto.PublicKey) string {
	template := &x509.Certificate{SerialNumber: big.NewInt(int64(c.made)), Subject: pkix.Name{CommonName: "AWS IoT Certificate"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, c.ca)
	if err != nil {
		c.t.Error(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func (c *cloud) key() (crypto.Signer, string) {
	if c.rsa {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			c.t.Error(err)
		}
		return key, string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	}
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	der, _ := x509.MarshalECPrivateKey(key)
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}

func (c *cloud) answer(conn *mqtttest.Conn, in packet.Packet) []packet.Packet {
	out := mqtttest.Answer(conn, in)
	p, ok := in.(*packet.Publish)
	if !ok {
		return out
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	i := strings.LastIndex(p.Topic, "/")
	topic, format := p.Topic[:i], p.Topic[i+1:]
	decode, encode := json.Unmarshal, json.Marshal
	if format == "cbor" {
		decode, encode = cbor.Unmarshal, cbor.Marshal
	}
	var r struct {
		CSR        string            `json:"certificateSigningRequest"`
		Token      string            `json:"certificateOwnershipToken"`
		Parameters map[string]string `json:"parameters"`
	}
	if err := decode(p.Payload, &r); err != nil {
		c.t.Errorf("%s: %v: %q", p.Topic, err, p.Payload)
	}
	c.requests = append(c.requests, topic)
	what, body := "accepted", c.handle(topic, r.CSR, r.Token, r.Parameters)
	if c.refuse != nil {
		if e := c.refuse(topic); e != nil {
			body = e
		}
	}
	if _, refused := body.(*Error); refused {
		what = "rejected"
	}
	raw, err := encode(body)
	if err != nil {
		c.t.Error(err)
	}
	return append(out, &packet.Publish{Topic: p.Topic + "/" + what, Payload: raw})
}

func (c *cloud) handle(topic, csr, token string, parameters map[string]string) any {
	switch topic {
	case "$aws/certificates/create", "$aws/certificates/create-from-csr":
		c.made++
		token := fmt.Sprint("token-", c.made)
		c.tokens[token] = false
		cert := Certificate{ID: fmt.Sprint("cert-", c.made), Token: token}
		if topic == "$aws/certificates/create" {
			key, text := c.key()
			cert.PrivateKey, cert.PEM = text, c.sign(key.Public())
		} else {
			block, _ := pem.Decode([]byte(csr))
			if block == nil {
				return &Error{400, "InvalidParameter", "no CSR"}
			}
			request, err := x509.ParseCertificateRequest(block.Bytes)
			if err != nil || request.CheckSignature() != nil {
				return &Error{400, "InvalidParameter", "a bad CSR"}
			}
			cert.PEM = c.sign(request.PublicKey)
		}
		if c.other {
			key, _ := c.key()
			cert.PEM = c.sign(key.Public())
		}
		return cert
	case "$aws/provisioning-templates/fleet/provision":
		used, known := c.tokens[token]
		if used || !known {
			return &Error{400, "InvalidCertificateOwnershipToken", "The token is void"}
		}
		c.tokens[token], c.parameters = true, parameters
		c.things = append(c.things, token)
		return Thing{Name: "thing-" + parameters["SerialNumber"], Configuration: map[string]string{"url": "x"}}
	}
	return &Error{404, "ResourceNotFound", "no such template"}
}

func (c *cloud) set(f func(c *cloud)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c)
}

func (c *cloud) took() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	log := make([]string, len(c.requests))
	for i, topic := range c.requests {
		log[i] = topic[strings.LastIndex(topic, "/")+1:]
	}
	c.requests = nil
	return strings.Join(log, " ")
}

// connect returns a client that is connected with the claim.
func (c *cloud) connect() *reqres.Client {
	c.t.Helper()
	m, err := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: c.Dial}, ClientID: "claim"})
	if err != nil {
		c.t.Fatal(err)
	}
	_ = m.Start()
	c.t.Cleanup(func() {
		m.Close()
		<-m.Done()
	})
	return reqres.New(m)
}
