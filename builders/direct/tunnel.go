package direct

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	maxProxyHead = 16 << 10 // of all that a proxy may say before it lets us through
	maxProxyBody = 512      // of what it says otherwise
)

// tunnel asks the HTTP proxy on conn to connect to address, by RFC 9110 section 9.3.6. It owns conn.
func tunnel(ctx context.Context, conn net.Conn, at string, user *url.Userinfo, address string) (net.Conn, error) {
	// Reads and writes know deadlines but no contexts.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	r := bufio.NewReaderSize(conn, maxProxyHead)
	err := connect(conn, r, at, user, address)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		_ = conn.Close()
		if refusal, ok := errors.AsType[*ProxyError](err); ok {
			return nil, refusal
		}
		return nil, fmt.Errorf("direct: proxy %s: %w", at, ended(ctx, err))
	}
	if r.Buffered() == 0 {
		return conn, nil
	}
	early, _ := r.Peek(r.Buffered())
	return &earlyConn{Conn: conn, early: early}, nil
}

func connect(w io.Writer, r *bufio.Reader, at string, user *url.Userinfo, address string) error {
	if strings.ContainsFunc(address, func(c rune) bool { return c <= ' ' || c == 0x7F }) {
		return fmt.Errorf("%q is no address", address)
	}
	request := "CONNECT " + address + " HTTP/1.1\r\nHost: " + address + "\r\n"
	if user != nil {
		password, _ := user.Password()
		token := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		request += "Proxy-Authorization: Basic " + token + "\r\n"
	}
	if _, err := io.WriteString(w, request+"\r\n"); err != nil {
		return err
	}
	left := maxProxyHead
	for {
		answer, err := readAnswer(r, &left)
		switch {
		case err != nil:
			return err
		case answer.status < 200: // an interim response
		case answer.status < 300:
			return nil
		default:
			return &ProxyError{
				Proxy: at, Address: address, Status: answer.status, Reason: answer.reason,
				Authenticate: answer.authenticate, Body: answer.body(r),
			}
		}
	}
}

type answer struct {
	status       int
	reason       string
	authenticate []string
	length       int
}

// readAnswer reads a status line and its header. left is what may still be read of either.
func readAnswer(r *bufio.Reader, left *int) (answer, error) {
	line, err := readLine(r, left)
	if err != nil {
		return answer{}, err
	}
	version, rest, _ := strings.Cut(line, " ")
	digits, reason, _ := strings.Cut(rest, " ")
	status, err := strconv.ParseUint(digits, 10, 16)
	if !strings.HasPrefix(version, "HTTP/1.") || err != nil || len(digits) != 3 || status < 100 {
		return answer{}, fmt.Errorf("the answer is not HTTP: %.64q", line)
	}
	a := answer{status: int(status), reason: strings.TrimSpace(reason)}
	for {
		line, err := readLine(r, left)
		if err != nil || line == "" {
			return a, err
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(name) {
		case "proxy-authenticate":
			a.authenticate = append(a.authenticate, value)
		case "content-length":
			if n, err := strconv.ParseUint(value, 10, 31); err == nil {
				a.length = int(n)
			}
		}
	}
}

func readLine(r *bufio.Reader, left *int) (string, error) {
	line, err := r.ReadSlice('\n')
	*left -= len(line)
	switch {
	case errors.Is(err, bufio.ErrBufferFull) || *left < 0:
		return "", fmt.Errorf("the answer's header is more than %d bytes", maxProxyHead)
	case errors.Is(err, io.EOF):
		return "", fmt.Errorf("closed the connection without an answer: %w", io.ErrUnexpectedEOF)
	case err != nil:
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

// body returns the beginning of the text behind a refusal, as far as it comes.
func (a answer) body(r *bufio.Reader) string {
	text := make([]byte, min(a.length, maxProxyBody))
	n, _ := io.ReadFull(r, text)
	return strings.TrimSpace(strings.ToValidUTF8(string(text[:n]), "\uFFFD"))
}

// earlyConn hands out what came along with the proxy's answer before it reads on.
type earlyConn struct {
	net.Conn
	early []byte
}

func (c *earlyConn) Read(p []byte) (int, error) {
	if len(c.early) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.early)
	c.early = c.early[n:]
	return n, nil
}
