package azureiot

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// Whatever a source does is an error that says so, without a secret, and the next question is asked.
func TestBadSources(t *testing.T) {
	t.Parallel()
	broken := errors.New("no route to the issuer")
	for name, tt := range map[string]struct {
		source TokenSource
		want   string
	}{
		"fails":               {func(context.Context) (azcore.AccessToken, error) { return azcore.AccessToken{}, broken }, "no route to the issuer"},
		"panics":              {func(context.Context) (azcore.AccessToken, error) { panic("hunter2") }, "it panicked"},
		"ends its goroutine":  {func(context.Context) (azcore.AccessToken, error) { runtime.Goexit(); panic(1) }, "it panicked"},
		"has nothing":         {fixed(""), "the token is empty"},
		"has a token and not": {func(context.Context) (azcore.AccessToken, error) { return azcore.AccessToken{Token: "hunter2"}, broken }, "no route"},
		"has too much":        {fixed(strings.Repeat("hunter2 ", 2000)), "16000 bytes"},
	} {
		e, err := EventGridToken(eventGridName, tt.source)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			_, err = e.Auth.Begin(t.Context(), false)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v", name, err)
			}
			if terminal := name == "has too much"; e.Terminal(err) != terminal {
				t.Errorf("%s: terminal is %v", name, !terminal)
			}
		}
	}
}
