package scram

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// The client supports no channel binding: "n,,", in base64 where the final message repeats it.
const (
	header        = "n,,"
	headerEncoded = "biws"
)

// Bounds of what a broker may ask for. Fewer iterations help whoever has stolen what is sent (RFC 7677 section 4), more
// would keep a small device busy for minutes.
const (
	minIterations = 4096
	maxIterations = 1_000_000
	maxSalt       = 1024
)

// exchange is one authentication: first and final message of the client, then the broker's proof.
type exchange struct {
	password func() string
	nonce    string
	first    string // the client's first message without its header
	step     int
	proof    []byte // what the broker has to come up with
}

// Next returns the client's messages.
func (x *exchange) Next(_ context.Context, challenge []byte) ([]byte, error) {
	x.step++
	switch {
	case challenge == nil && x.step == 1:
		return []byte(header + x.first), nil
	case x.step == 2:
		return x.final(string(challenge))
	}
	return nil, fmt.Errorf("%w: one challenge too many", ErrMessage)
}

// Done checks the broker's final message.
func (x *exchange) Done(_ context.Context, data []byte) error {
	if x.proof == nil {
		return fmt.Errorf("%w: it accepted without asking for ours", ErrServer)
	}
	if reason, failed := strings.CutPrefix(string(data), "e="); failed {
		return fmt.Errorf("%w: it says %.100q", ErrServer, reason)
	}
	text, _, _ := strings.Cut(string(data), ",") // extensions follow
	sent, ok := strings.CutPrefix(text, "v=")
	proof, err := base64.StdEncoding.DecodeString(sent)
	if !ok || err != nil || subtle.ConstantTimeCompare(proof, x.proof) != 1 {
		return ErrServer
	}
	return nil
}

// final answers the broker's first message (RFC 5802 section 3).
func (x *exchange) final(serverFirst string) ([]byte, error) {
	nonce, salt, iterations, err := parse(serverFirst)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(nonce, x.nonce) || len(nonce) == len(x.nonce) {
		return nil, fmt.Errorf("%w: its nonce does not continue ours", ErrMessage)
	}
	salted, err := pbkdf2.Key(sha256.New, x.password(), salt, iterations, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("scram: %w", err)
	}
	clientKey := mac(salted, "Client Key")
	stored := sha256.Sum256(clientKey)
	final := "c=" + headerEncoded + ",r=" + nonce
	message := x.first + "," + serverFirst + "," + final
	signature := mac(stored[:], message)
	subtle.XORBytes(clientKey, clientKey, signature)
	x.proof = mac(mac(salted, "Server Key"), message)
	return []byte(final + ",p=" + base64.StdEncoding.EncodeToString(clientKey)), nil
}

func mac(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(message))
	return h.Sum(nil)
}

// parse reads r=nonce,s=salt,i=iterations and ignores the extensions behind it. Mandatory extensions, which would come
// first, are none that we know.
func parse(s string) (nonce string, salt []byte, iterations int, err error) {
	fields := strings.SplitN(s, ",", 4)
	if len(fields) < 3 {
		return "", nil, 0, fmt.Errorf("%w: want r=, s= and i=", ErrMessage)
	}
	var ok [3]bool
	nonce, ok[0] = strings.CutPrefix(fields[0], "r=")
	encoded, _ := strings.CutPrefix(fields[1], "s=")
	salt, err = base64.StdEncoding.DecodeString(encoded)
	ok[1] = err == nil && strings.HasPrefix(fields[1], "s=") && len(salt) > 0 && len(salt) <= maxSalt
	count, found := strings.CutPrefix(fields[2], "i=")
	iterations, err = strconv.Atoi(count)
	ok[2] = found && err == nil
	switch {
	case !ok[0] || !ok[1] || !ok[2]:
		return "", nil, 0, fmt.Errorf("%w: want r=, s= and i=", ErrMessage)
	case iterations < minIterations || iterations > maxIterations:
		return "", nil, 0, fmt.Errorf("%w: it asks for %d iterations, want %d to %d", ErrMessage, iterations, minIterations, maxIterations)
	}
	return nonce, salt, iterations, nil
}
