package awsiot

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// The ports of AWS IoT Core.
const (
	PortHTTPS = 443  // everything; ALPN and the path tell what is meant
	PortMQTTS = 8883 // MQTT with a client certificate only
)

// host is the name of an endpoint, and what can be read from it.
type host struct {
	name   string // in lower case
	port   int    // 0 where none is given
	kind   hostKind
	region string // empty where the name does not carry one
}

type hostKind uint8

const (
	hostCustom      hostKind = iota // a domain of the account's own, an emulator, an address
	hostData                        // iot:Data-ATS and its relatives
	hostLegacy                      // iot:Data, whose certificate few systems trust any more
	hostCredentials                 // iot:CredentialProvider
	hostJobs                        // iot:Jobs
)

// parseHost reads host, host:port and [IPv6]:port.
func parseHost(endpoint string) (host, error) {
	if strings.Contains(endpoint, "://") {
		return host{}, fmt.Errorf("awsiot: endpoint %q is a URL: want the name alone, as DescribeEndpoint gives it", endpoint)
	}
	h := host{name: strings.ToLower(endpoint)}
	bare := h.name
	if strings.HasPrefix(bare, "[") && strings.HasSuffix(bare, "]") {
		bare = bare[1 : len(bare)-1]
	}
	if _, err := netip.ParseAddr(bare); err == nil {
		h.name = bare
		return h, nil
	}
	if strings.Contains(endpoint, ":") {
		name, port, err := net.SplitHostPort(h.name)
		if err != nil {
			return host{}, fmt.Errorf("awsiot: endpoint %q: want host, host:port or [IPv6]:port", endpoint)
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return host{}, fmt.Errorf("awsiot: endpoint %q: the port is a number from 1 to 65535", endpoint)
		}
		h.name, h.port = name, int(n)
	}
	if h.name == "" {
		return host{}, errors.New("awsiot: the endpoint is empty: DescribeEndpoint gives the one of an account")
	}
	if strings.ContainsAny(h.name, "/?#@ \t\r\n") {
		return host{}, fmt.Errorf("awsiot: endpoint %q: want the name alone, as DescribeEndpoint gives it", endpoint)
	}
	h.recognize()
	return h, nil
}

// suffixes are the domains of AWS in its partitions, with the region before them.
var suffixes = []string{"amazonaws.com", "amazonaws.com.cn", "api.aws", "api.amazonwebservices.com.cn", "vpce.amazonaws.com", "vpce.amazonaws.com.cn"}

// recognize reads <prefix>[-ats].iot.<region>.amazonaws.com and its relatives.
func (h *host) recognize() {
	labels := strings.Split(h.name, ".")
	i := slices.IndexFunc(labels, func(s string) bool { return s == "iot" || s == "iot-fips" })
	if i < 1 || i+2 >= len(labels) || !slices.Contains(suffixes, strings.Join(labels[i+2:], ".")) {
		return
	}
	h.region = labels[i+1]
	switch before := labels[i-1]; {
	case before == "credentials":
		h.kind = hostCredentials
	case before == "jobs":
		h.kind = hostJobs
	case strings.HasSuffix(before, "-ats") || before == "data" || i > 1 || labels[i] != "iot" || !strings.HasPrefix(strings.Join(labels[i+2:], "."), "amazonaws.com"):
		h.kind = hostData
	default:
		h.kind = hostLegacy
	}
}

// data refuses endpoints that do not speak MQTT.
func (h host) data() error {
	switch h.kind {
	case hostCredentials:
		return fmt.Errorf("awsiot: %s is the endpoint of the credentials provider; MQTT has the one of type iot:Data-ATS", h.name)
	case hostJobs:
		return fmt.Errorf("awsiot: %s is the endpoint of Jobs over HTTP; MQTT has the one of type iot:Data-ATS", h.name)
	}
	return nil
}

// address is for dialling.
func (h host) address(port int) string { return net.JoinHostPort(h.name, strconv.Itoa(port)) }

// authority is for URLs: without the default port, so that the Host header is what was signed.
func (h host) authority(port int) string {
	switch {
	case port != PortHTTPS:
		return h.address(port)
	case strings.Contains(h.name, ":"):
		return "[" + h.name + "]"
	}
	return h.name
}

// Region returns the region that the name of an endpoint carries, and nothing for a custom domain.
func Region(endpoint string) string {
	h, err := parseHost(endpoint)
	if err != nil {
		return ""
	}
	return h.region
}
