package awsiot

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Verifier checks a signature as AWS IoT Core does. It is written from the description of Signature Version 4 and shares
// no code with the signer: aws/signer/v4 is what is under test.
type Verifier struct {
	Keys      aws.Credentials
	Region    string
	Canonical string // the canonical request of the last check
}

// Check judges the query of a request that arrived with the Host header host.
func (v *Verifier) Check(host, rawQuery string) error {
	// The parts as they were received: to decode and encode them again would hide mistakes of the encoding.
	parts := strings.Split(rawQuery, "&")
	var signed []string
	values := make(map[string]string)
	for _, part := range parts {
		key, value, _ := strings.Cut(part, "=")
		plain, err := url.QueryUnescape(value)
		if err != nil {
			return err
		}
		if _, twice := values[key]; twice {
			return errors.New(key + " comes twice")
		}
		values[key] = plain
		if key != "X-Amz-Signature" && key != "X-Amz-Security-Token" {
			signed = append(signed, part)
		}
	}
	slices.Sort(signed)
	for key, want := range map[string]string{
		"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-SignedHeaders": "host", "X-Amz-Security-Token": v.Keys.SessionToken,
	} {
		if v.Keys.SessionToken == "" && key == "X-Amz-Security-Token" {
			continue
		}
		if values[key] != want {
			return errors.New(key + " is " + values[key])
		}
	}
	date := values["X-Amz-Date"]
	if _, err := time.Parse("20060102T150405Z", date); err != nil {
		return err
	}
	scope := date[:8] + "/" + v.Region + "/iotdevicegateway/aws4_request"
	if values["X-Amz-Credential"] != v.Keys.AccessKeyID+"/"+scope {
		return errors.New("the credential is " + values["X-Amz-Credential"])
	}
	empty := sha256.Sum256(nil)
	v.Canonical = "GET\n/mqtt\n" + strings.Join(signed, "&") + "\nhost:" + host + "\n\nhost\n" + hex.EncodeToString(empty[:])
	hash := sha256.Sum256([]byte(v.Canonical))
	toSign := "AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" + hex.EncodeToString(hash[:])
	key := []byte("AWS4" + v.Keys.SecretAccessKey)
	for _, part := range []string{date[:8], v.Region, "iotdevicegateway", "aws4_request", toSign} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	if want := hex.EncodeToString(key); values["X-Amz-Signature"] != want {
		return errors.New("the signature is " + values["X-Amz-Signature"] + ", not " + want)
	}
	return nil
}
