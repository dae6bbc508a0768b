package mqttws

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/gorilla/websocket"
)

// CloseError is the end of a connection by the server with a close code other than 1000, 1001 or none.
type CloseError struct {
	Code   int    // of RFC 6455 section 7.4
	Reason string // the server's words
}

// Error gives the code and the reason.
func (e *CloseError) Error() string {
	return fmt.Sprintf("mqttws: the server closed the WebSocket with code %d: %q", e.Code, e.Reason)
}

var errClosing = errors.New("mqttws: write: the WebSocket is being closed")

// readError makes an orderly end an io.EOF, as every other connection has it.
func (c *conn) readError(err error) error {
	e, ok := errors.AsType[*websocket.CloseError](err)
	switch {
	case errors.Is(err, net.ErrClosed):
		return net.ErrClosed
	case !ok:
		return fmt.Errorf("mqttws: read: %w", err)
	}
	switch e.Code {
	case websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseNoStatusReceived:
		return io.EOF
	case websocket.CloseAbnormalClosure: // the library's word for none
		return fmt.Errorf("mqttws: the server ended the connection without closing the WebSocket: %w", io.ErrUnexpectedEOF)
	}
	return &CloseError{Code: e.Code, Reason: e.Text}
}

func (c *conn) writeError(err error) error {
	timeout, _ := errors.AsType[net.Error](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, net.ErrClosed) || c.isClosed():
		return net.ErrClosed
	case errors.Is(err, websocket.ErrCloseSent):
		return errClosing
	case timeout != nil && timeout.Timeout(): // the library's error hides the one below
		return fmt.Errorf("mqttws: write: %w", os.ErrDeadlineExceeded)
	}
	return fmt.Errorf("mqttws: write: %w", err)
}

func (c *conn) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// HandshakeError is an answer to the upgrade request that is not an upgrade.
type HandshakeError struct {
	StatusCode int
	Status     string      // such as "403 Forbidden"
	Header     http.Header // of the answer
	Body       string      // its beginning, with what is secret in the request blacked out
	Err        error
}

// Error gives the status and the beginning of the answer.
func (e *HandshakeError) Error() string {
	s := fmt.Sprintf("mqttws: the server answered %q instead of upgrading", e.Status)
	if e.StatusCode == http.StatusSwitchingProtocols {
		s = "mqttws: the server's upgrade is not the one that was asked for"
	}
	if e.Body != "" {
		s += fmt.Sprintf(": %q", e.Body)
	}
	return s
}

// Format prints Error for every verb: a header may hold a cookie.
func (e *HandshakeError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }

// Unwrap returns the library's error.
func (e *HandshakeError) Unwrap() error { return e.Err }

const maxBody = 1024

// explain makes an error of a failed dial.
func explain(err error, response *http.Response, r *Request) error {
	if response == nil || !errors.Is(err, websocket.ErrBadHandshake) {
		if _, ok := errors.AsType[*url.Error](err); ok {
			return errors.New("mqttws: the URL of the request is not well-formed") // the cause would quote it
		}
		return fmt.Errorf("mqttws: %w", r.tame(err))
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxBody))
	text := strings.TrimSpace(strings.ToValidUTF8(string(body), "\uFFFD"))
	return &HandshakeError{StatusCode: response.StatusCode, Status: response.Status, Header: response.Header,
		Body: r.conceal(text), Err: err}
}

// answerError is an error of the library with another text: it may quote what the server said.
type answerError struct {
	text string
	err  error
}

func (e *answerError) Error() string { return e.text }
func (e *answerError) Unwrap() error { return e.err }

const maxText = 512

// tame conceals and shortens what an error quotes.
func (r *Request) tame(err error) error {
	text := r.conceal(err.Error())
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "..."
	}
	if text == err.Error() {
		return err
	}
	return &answerError{text, err}
}

const (
	blackedOut = "[...]"
	// shortSecret is the length below which a value is no secret, or cannot be told from ordinary text.
	shortSecret = 8
)

// conceal blacks out the values of the request that a server repeats in its answer, also where the answer is cut off
// within one.
func (r *Request) conceal(text string) string {
	secrets := r.secrets()
	pairs := make([]string, 0, 2*len(secrets))
	for _, secret := range secrets {
		pairs = append(pairs, secret, blackedOut)
	}
	text = strings.NewReplacer(pairs...).Replace(text)
	for _, secret := range secrets {
		for n := min(len(secret), len(text)); n >= shortSecret; n-- {
			if strings.HasSuffix(text, secret[:n]) {
				text = text[:len(text)-n] + blackedOut
				break
			}
		}
	}
	return text
}

// secrets are the values of the query, as they stand there and in plain, and of the header. Longer ones come first: one
// may be the beginning of another.
func (r *Request) secrets() []string {
	var secrets []string
	for part := range strings.SplitSeq(r.URL.RawQuery, "&") {
		_, value, _ := strings.Cut(part, "=")
		secrets = append(secrets, value)
		if plain, err := url.QueryUnescape(value); err == nil {
			secrets = append(secrets, plain)
		}
	}
	for _, values := range r.Header {
		secrets = append(secrets, values...)
	}
	secrets = slices.DeleteFunc(secrets, func(s string) bool { return len(s) < shortSecret })
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(secrets)
}
