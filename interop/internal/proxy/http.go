package proxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
)

// HTTP is a proxy that tunnels by CONNECT.
func HTTP(t testing.TB) *Proxy {
	return start(t, "http", func(p *Proxy, client net.Conn) (net.Conn, error) {
		request, err := http.ReadRequest(bufio.NewReaderSize(client, 4096))
		if err != nil {
			return nil, err
		}
		if request.Method != http.MethodConnect {
			_, _ = io.WriteString(client, "HTTP/1.1 405 Method Not Allowed\r\n\r\n")
			return nil, errors.New("no CONNECT")
		}
		server, err := p.dial(request.Host)
		if err != nil {
			_, _ = io.WriteString(client, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
			return nil, err
		}
		if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
			_ = server.Close()
			return nil, err
		}
		return server, nil
	})
}
