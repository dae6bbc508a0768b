package azure

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Handler hands out tokens for a subject, each valid for so long, as the endpoint of a managed identity does where Azure runs
// a program as an app. Real azidentity asks it, with IDENTITY_ENDPOINT set to its URL, IDENTITY_HEADER to secret and
// AZURE_TOKEN_CREDENTIALS to ManagedIdentityCredential.
func (i *Issuer) Handler(subject, secret string, life time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resource := strings.TrimSuffix(r.URL.Query().Get("resource"), "/")
		switch {
		case r.Header.Get("X-IDENTITY-HEADER") != secret:
			http.Error(w, `{"message":"wrong secret"}`, http.StatusUnauthorized)
			return
		case resource != strings.TrimSuffix(Audience, "/"):
			http.Error(w, `{"message":"unknown resource"}`, http.StatusBadRequest)
			return
		}
		expires := time.Now().Add(life)
		token, err := i.Token(subject, expires)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"access_token": token, "token_type": "Bearer", "resource": resource,
			"expires_on": strconv.FormatInt(expires.Unix(), 10)})
	})
}
