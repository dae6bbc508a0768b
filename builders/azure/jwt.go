package azureiot

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// expiry reads the exp claim of a JWT without judging it: that is for the broker to do. It is zero where there is none.
func expiry(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	body, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	var claims struct {
		Exp float64 `json:"exp"` // seconds, with a fraction if the issuer likes (RFC 7519 section 2)
	}
	if err != nil || json.Unmarshal(body, &claims) != nil || claims.Exp < 1 || claims.Exp > 1<<40 {
		return time.Time{}
	}
	return time.Unix(int64(claims.Exp), 0)
}
