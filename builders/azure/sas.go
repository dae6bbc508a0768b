package azureiot

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// SAS is a shared access key, of which signatures are made that are valid for a while.
type SAS struct {
	// Key is the device's key, or that of a policy, in base64 as the portal shows it.
	Key string
	// Policy is the name of the hub's policy that the key belongs to. Empty: it is the device's own, as it should be.
	Policy string
	// TTL is how long a signature is valid. Default 1 hour, a minute at least. The connection is replaced when 85 % of it are
	// over.
	TTL time.Duration
}

const defaultTTL = time.Hour

func (s SAS) ttl() time.Duration {
	if s.TTL == 0 {
		return defaultTTL
	}
	return s.TTL
}

func (s SAS) check() error {
	if s.TTL < 0 || s.TTL > 0 && s.TTL < time.Minute {
		return errors.New("azureiot: SAS.TTL is below a minute")
	}
	_, err := s.Token("", time.Time{})
	return err
}

var errKey = errors.New("azureiot: the shared access key is not base64")

// Token returns a signature for a resource, such as myhub.azure-devices.net/devices/pump-7, that is valid until then.
func (s SAS) Token(resource string, until time.Time) (string, error) {
	key, err := base64.StdEncoding.DecodeString(s.Key)
	if err != nil || len(key) == 0 {
		return "", errKey // the error of the decoder quotes the key
	}
	sr, se := url.QueryEscape(resource), strconv.FormatInt(until.Unix(), 10)
	h := hmac.New(sha256.New, key)
	h.Write([]byte(sr + "\n" + se)) // what is sent is what is signed
	sig := base64.StdEncoding.EncodeToString(h.Sum(nil))
	token := "SharedAccessSignature sr=" + sr + "&sig=" + url.QueryEscape(sig) + "&se=" + se
	if s.Policy != "" {
		token += "&skn=" + url.QueryEscape(s.Policy)
	}
	return token, nil
}

// DeriveKey returns the key of one device from that of its enrollment group, in base64. The group's key belongs into a
// safe place, and not on a device.
func DeriveKey(groupKey, registrationID string) (string, error) {
	key, err := base64.StdEncoding.DecodeString(groupKey)
	if err != nil || len(key) == 0 {
		return "", errKey
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte(registrationID))
	return base64.StdEncoding.EncodeToString(h.Sum(nil)), nil
}

// String names the fields in use and not the key.
func (s SAS) String() string {
	return strings.TrimSuffix(fmt.Sprintf("azureiot.SAS{TTL: %v, Policy: %s", s.ttl(), s.Policy), ", Policy: ") + "}"
}

// Format prints String for every verb.
func (s SAS) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue logs String.
func (s SAS) LogValue() slog.Value { return slog.StringValue(s.String()) }
