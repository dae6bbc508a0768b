package direct

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Default ports of MQTT and of MQTT over TLS.
const (
	PortTCP = 1883
	PortTLS = 8883
)

// splitAddress reads host, host:port, an IPv6 address with or without brackets, and [IPv6]:port.
func splitAddress(address string, defaultPort int) (host string, port int, err error) {
	if strings.Contains(address, "://") {
		return "", 0, errors.New("direct: the address is a URL: want host:port, or use direct.URL")
	}
	host, digits := address, ""
	switch _, err := netip.ParseAddr(address); {
	case err == nil:
	case strings.HasPrefix(address, "[") && strings.HasSuffix(address, "]"):
		host = address[1 : len(address)-1]
		if _, err := netip.ParseAddr(host); err != nil {
			return "", 0, fmt.Errorf("direct: %q is not an IPv6 address", host)
		}
	case strings.Contains(address, ":"):
		if host, digits, err = net.SplitHostPort(address); err != nil {
			return "", 0, fmt.Errorf("direct: address %q: want host, host:port or [IPv6]:port", address)
		}
	}
	if host == "" {
		return "", 0, fmt.Errorf("direct: address %q has no host", address)
	}
	if strings.ContainsAny(host, "/@ \t\r\n") {
		return "", 0, fmt.Errorf("direct: %q is not a host name", host)
	}
	if digits == "" {
		if strings.HasSuffix(address, ":") {
			return "", 0, fmt.Errorf("direct: address %q ends in a colon without a port", address)
		}
		return host, defaultPort, nil
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || n == 0 {
		return "", 0, fmt.Errorf("direct: address %q: the port is a number from 1 to 65535", address)
	}
	return host, int(n), nil
}

func joinAddress(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// nameOf returns the name that a certificate must have for host: an address loses its zone.
func nameOf(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.WithZone("").String()
	}
	return host
}
