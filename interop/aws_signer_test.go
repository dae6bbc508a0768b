package interop

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/gorilla/websocket"

	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

// The signer of the AWS SDK for Go agrees with the emulator without anything of ours in between, and what is signed otherwise
// is refused: with the session token in the signature, for another service, region or path, or for too long ago.
func TestAWSSigner(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	key, err := a.Credentials(emulator.CredentialOptions{Lifetime: time.Hour})
	must(t, err)
	roots := a.device.TLS()
	roots.NextProtos, roots.Certificates = nil, nil
	type request struct {
		service, region, path string
		at                    time.Time
		tokenSigned           bool
	}
	for name, c := range map[string]struct {
		edit   func(*request)
		status int
	}{
		"as documented":  {func(*request) {}, http.StatusSwitchingProtocols},
		"token signed":   {func(r *request) { r.tokenSigned = true }, http.StatusForbidden},
		"service":        {func(r *request) { r.service = "iot" }, http.StatusForbidden},
		"region":         {func(r *request) { r.region = "eu-west-1" }, http.StatusForbidden},
		"path":           {func(r *request) { r.path = "/" }, http.StatusForbidden},
		"four minutes":   {func(r *request) { r.at = r.at.Add(-4 * time.Minute) }, http.StatusSwitchingProtocols},
		"six minutes":    {func(r *request) { r.at = r.at.Add(-6 * time.Minute) }, http.StatusForbidden},
		"of the future":  {func(r *request) { r.at = r.at.Add(6 * time.Minute) }, http.StatusForbidden},
		"almost present": {func(r *request) { r.at = r.at.Add(4 * time.Minute) }, http.StatusSwitchingProtocols},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := request{service: "iotdevicegateway", region: region, path: "/mqtt", at: time.Now()}
			c.edit(&r)
			in, err := http.NewRequest(http.MethodGet, "https://"+a.Endpoint()+r.path, nil)
			must(t, err)
			const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
			signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), credentials(key), in, emptySHA256, r.service, r.region, r.at,
				func(o *v4.SignerOptions) { o.DisableSessionToken = !r.tokenSigned })
			must(t, err)
			u, err := url.Parse(signed)
			must(t, err)
			u.Scheme, u.Path = "wss", "/mqtt"
			if !r.tokenSigned {
				u.RawQuery += "&X-Amz-Security-Token=" + url.QueryEscape(key.SessionToken)
			}
			if got := upgrade(t, u, roots); got != c.status {
				t.Errorf("status %d, want %d", got, c.status)
			}
		})
	}
}

// upgrade asks for a WebSocket and returns the status of the answer.
func upgrade(t *testing.T, u *url.URL, roots *tls.Config) int {
	t.Helper()
	dialer := websocket.Dialer{TLSClientConfig: roots, Subprotocols: []string{"mqtt"}}
	conn, answer, err := dialer.DialContext(within(t), u.String(), nil)
	if answer == nil {
		t.Fatal(err)
	}
	if err == nil {
		must(t, conn.Close())
	}
	return answer.StatusCode
}
