package proxy

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"testing"
)

// SOCKS is a SOCKS5 proxy without authentication, which resolves names itself: RFC 1928.
func SOCKS(t testing.TB) *Proxy {
	return start(t, "socks5", func(p *Proxy, client net.Conn) (net.Conn, error) {
		address, err := negotiate(client)
		if err != nil {
			return nil, err
		}
		server, err := p.dial(address)
		if err != nil {
			_, _ = client.Write([]byte{5, 4, 0, 1, 0, 0, 0, 0, 0, 0})
			return nil, err
		}
		if _, err := client.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0}); err != nil {
			_ = server.Close()
			return nil, err
		}
		return server, nil
	})
}

// negotiate reads what a client offers and where it wants to go.
func negotiate(client net.Conn) (string, error) {
	var b [257]byte
	if _, err := io.ReadFull(client, b[:2]); err != nil {
		return "", err
	}
	if _, err := io.ReadFull(client, b[:b[1]]); err != nil {
		return "", err
	}
	if _, err := client.Write([]byte{5, 0}); err != nil {
		return "", err
	}
	if _, err := io.ReadFull(client, b[:4]); err != nil {
		return "", err
	}
	if b[0] != 5 || b[1] != 1 {
		return "", errors.New("no CONNECT of SOCKS5")
	}
	host := ""
	switch b[3] {
	case 1, 4:
		n := map[byte]int{1: net.IPv4len, 4: net.IPv6len}[b[3]]
		if _, err := io.ReadFull(client, b[:n]); err != nil {
			return "", err
		}
		host = net.IP(b[:n]).String()
	case 3:
		if _, err := io.ReadFull(client, b[:1]); err != nil {
			return "", err
		}
		n := b[0]
		if _, err := io.ReadFull(client, b[:n]); err != nil {
			return "", err
		}
		host = string(b[:n])
	default:
		return "", errors.New("no type of address of SOCKS5")
	}
	if _, err := io.ReadFull(client, b[:2]); err != nil {
		return "", err
	}
	return net.JoinHostPort(host, strconv.Itoa(int(binary.BigEndian.Uint16(b[:2])))), nil
}
