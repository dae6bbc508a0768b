package direct_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
)

// scripted is an HTTP proxy that answers any request with the pieces, each in a write of its own.
func scripted(t *testing.T, pieces ...string) *url.URL {
	t.Helper()
	addr := serve(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		r := bufio.NewReader(conn)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if line == "\r\n" {
				break
			}
		}
		for _, piece := range pieces {
			if _, err := io.WriteString(conn, piece); err != nil {
				return
			}
		}
		if len(pieces) > 0 && strings.HasSuffix(pieces[len(pieces)-1], "stay") {
			silence(conn)
		}
	}).String()
	return &url.URL{Scheme: "http", Host: addr}
}

func TestTunnelAnswers(t *testing.T) {
	t.Parallel()
	for name, pieces := range map[string][]string{
		"1.1":          {"HTTP/1.1 200 OK\r\n\r\nhello, stay"},
		"1.0":          {"HTTP/1.0 200 Connection established\r\nVia: a\r\n\r\nhello, stay"},
		"any 2xx":      {"HTTP/1.1 299\r\n\r\nhello, stay"},
		"bare newline": {"HTTP/1.1 200 OK\nVia: a\n\nhello, stay"},
		"interim":      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello, stay"},
		"length":       {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhello, stay"}, // means nothing in this answer
		"in pieces":    {"HTT", "P/1.1 200 OK\r", "\n\r", "\nhel", "lo, stay"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endpoint, err := direct.TCP("broker.invalid", through(scripted(t, pieces...)))
			if err != nil {
				t.Fatal(err)
			}
			conn, err := endpoint.Dial(short(t))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
				t.Fatal(err)
			}
			// What came with the answer is the broker's first word, read here in the smallest pieces.
			var got []byte
			for range "hello, stay" {
				b := make([]byte, 1)
				if _, err := io.ReadFull(conn, b); err != nil {
					t.Fatal(err)
				}
				got = append(got, b...)
			}
			if string(got) != "hello, stay" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestTunnelRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer string
		want   string
		is     error
	}{
		"forbidden":      {"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nno MQTT.\n", "403 Forbidden: no MQTT.", nil},
		"no reason":      {"HTTP/1.1 503\r\n\r\n", "refuses to connect to broker.invalid:1883: 503", nil},
		"redirect":       {"HTTP/1.1 302 Found\r\nLocation: elsewhere\r\n\r\n", "302 Found", nil},
		"html":           {"HTTP/1.1 500 Oops\r\nContent-Length: 24\r\n\r\n<html>long story</html>\n", "500 Oops", nil},
		"authentication": {"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=\"a\"\r\nproxy-authenticate: NTLM\r\n\r\n", `407 Who?, it asks for Basic realm="a", NTLM`, nil},
		"escape codes":   {"HTTP/1.1 403 \x1b[31mred\r\n\r\n", `403 "\x1b[31mred"`, nil},
		"short body":     {"HTTP/1.1 403 No\r\nContent-Length: 900\r\n\r\ncut", "403 No: cut", nil},
		"odd length":     {"HTTP/1.1 403 No\r\nContent-Length: -5\r\n\r\ncut", "403 No", nil},
		"closes":         {"", "closed the connection without an answer", io.ErrUnexpectedEOF},
		"half an answer": {"HTTP/1.1 200 OK\r\nVia", "closed the connection without an answer", io.ErrUnexpectedEOF},
		"not HTTP":       {"SSH-2.0-server\r\n", `not HTTP: "SSH-2.0-server"`, nil},
		"HTTP 2":         {"HTTP/2 200\r\n\r\n", "not HTTP", nil},
		"odd status":     {"HTTP/1.1 20x OK\r\n\r\n", "not HTTP", nil},
		"short status":   {"HTTP/1.1 20 OK\r\n\r\n", "not HTTP", nil},
		"status zero":    {"HTTP/1.1 000 OK\r\n\r\n", "not HTTP", nil},
		"long line":      {"HTTP/1.1 200 " + strings.Repeat("x", 20<<10) + "stay", "more than 16384 bytes", nil},
		"many lines":     {"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 4<<10) + "stay", "more than 16384 bytes", nil},
		"many interims":  {strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 1<<10) + "stay", "more than 16384 bytes", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := scripted(t, c.answer)
			endpoint, err := direct.TCP("broker.invalid", through(proxy))
			err = dialError(t, short(t), endpoint, err)
			wantError(t, err, c.want)
			wantError(t, err, "proxy "+proxy.Host)
			if c.is != nil {
				wantIs(t, err, c.is)
			}
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }) {
				t.Errorf("control characters in the error: %q", err)
			}
		})
	}
}

func TestProxyErrorTellsAll(t *testing.T) {
	t.Parallel()
	body := "<html>" + strings.Repeat("x", 1000)
	proxy := scripted(t, "HTTP/1.1 403 Forbidden\r\nContent-Length: 1006\r\n\r\n"+body)
	endpoint, err := direct.TLS("broker.invalid:443", through(proxy))
	refusal, ok := errors.AsType[*direct.ProxyError](dialError(t, short(t), endpoint, err))
	if !ok {
		t.Fatal("no ProxyError")
	}
	if refusal.Proxy != proxy.Host || refusal.Address != "broker.invalid:443" || refusal.Status != 403 ||
		refusal.Reason != "Forbidden" || refusal.Body != body[:512] {
		t.Errorf("got %+v", refusal)
	}
}

// An address with a line break would be a request of its own to the proxy.
func TestTunnelAddressCannotInject(t *testing.T) {
	t.Parallel()
	d, err := direct.NewDialer(through(scripted(t, "HTTP/1.1 200 OK\r\n\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"a:1\r\nX: y", "a b:1", "a\x00:1"} {
		conn, err := d.DialContext(short(t), "tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		wantError(t, err, "is no address")
	}
}
