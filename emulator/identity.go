package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/gate"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/sigv4"
)

// The signing names that the service takes: the documentation has one for WebSockets, its SDKs have others for HTTPS.
var (
	socketServices = []string{"iotdevicegateway"}
	httpServices   = []string{"iotdevicegateway", "iotdata", "iot", "iot-jobs-data"}
)

// errMissing is a request that does not say who sends it.
var errMissing = &sigv4.Error{Kind: "MissingAuthenticationTokenException", Message: "Missing Authentication Token"}

// signed reports whether a request claims to be signed in its query.
func signed(r *http.Request) bool { return strings.Contains(r.URL.RawQuery, "X-Amz-") }

// signer returns who has signed the upgrade of a WebSocket.
func (s *Server) signer(r *http.Request) (*account.Principal, error) {
	return s.verify(r, socketServices, func(v *sigv4.Verifier) (string, error) { return v.Query(r) })
}

// verify looks a signature up.
func (s *Server) verify(r *http.Request, services []string, f func(*sigv4.Verifier) (string, error)) (*account.Principal, error) {
	o := s.opts.IoT.WithDefaults()
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.cloud.account
	id, err := f(&sigv4.Verifier{
		Region: o.Region, Services: services, Now: s.wall(), Skew: o.ClockSkew,
		Key: func(id string) (sigv4.Key, bool) {
			k := a.Key(id)
			if k == nil {
				return sigv4.Key{}, false
			}
			return sigv4.Key{Secret: k.Secret, Token: k.Token, Expires: k.Expires, Revoked: k.Revoked}, true
		},
	})
	if err != nil {
		s.log.Info("signature refused", "remote", r.RemoteAddr, "error", err)
		return nil, err
	}
	return &account.Principal{Kind: account.ByKey, ID: id, ARN: id, SourceIP: hostOf(r.RemoteAddr), Policies: a.Key(id).Policies}, nil
}

// authenticated finds out who has sent a request before h gets it: by its certificate, or by its signature.
func (s *Server) authenticated(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h == nil {
			answerError(w, http.StatusNotFound, "ResourceNotFoundException", "there is nothing at this path")
			return
		}
		who, err := s.requester(r)
		if err != nil {
			forbid(w, err)
			return
		}
		h.ServeHTTP(w, r.WithContext(service.WithPrincipal(r.Context(), who)))
	})
}

// requester returns who has sent a request.
func (s *Server) requester(r *http.Request) (*account.Principal, error) {
	switch {
	case r.Header.Get("Authorization") != "":
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		return s.verify(r, httpServices, func(v *sigv4.Verifier) (string, error) { return v.Header(r, body) })
	case signed(r):
		return s.verify(r, httpServices, func(v *sigv4.Verifier) (string, error) { return v.Query(r) })
	case r.Header.Get("X-Amz-Customauthorizer-Name") != "":
		return s.askHTTP(r)
	case r.TLS != nil && len(r.TLS.PeerCertificates) > 0:
		return s.deviceOf(r.TLS, r.RemoteAddr)
	}
	return nil, errMissing
}

// askHTTP has a custom authorizer decide on a request.
func (s *Server) askHTTP(r *http.Request) (*account.Principal, error) {
	s.mu.Lock()
	ask, who, err := s.cloud.gate.AskHTTP(&gate.Door{Headers: headers(r.Header), Query: r.URL.RawQuery}, r.RemoteAddr)
	s.mu.Unlock()
	if err != nil || who != nil {
		return who, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), gate.AuthorizerTime)
	defer cancel()
	d, err := ask.Put(ctx)
	if err != nil {
		return nil, err
	}
	return ask.AnswerHTTP(d)
}

// forbid refuses a request as the service does. Why is not in the answer, but for the kind of the error: it is in the log.
func forbid(w http.ResponseWriter, err error) {
	kind := "ForbiddenException"
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		kind = e.Kind
	}
	status := http.StatusForbidden
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		status, kind = http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException"
	}
	answerError(w, status, kind, http.StatusText(status))
}

// answerError writes an error in the form that the AWS SDKs read: the kind in a header, words in the body.
func answerError(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", kind)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message}) // the client is gone otherwise
}
