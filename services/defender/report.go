package defender

import (
	"errors"
	"net/netip"
	"time"
)

// Report is what a device has measured. At least one metric has to be there; what is nil is not reported.
type Report struct {
	// ID is larger than that of the device's last report. 0: the seconds since 1970.
	ID int64
	// ListeningTCP and ListeningUDP are the ports on which the device waits for others. Empty and not nil: there are none.
	ListeningTCP, ListeningUDP []Port
	// Connections are the established TCP connections. Empty and not nil: there are none.
	Connections []Connection
	// Network is what has passed since the last report.
	Network *Network
	// Custom are the account's own metrics, by name.
	Custom map[string]Value
}

// Port is one on which the device waits for others.
type Port struct {
	Port      uint16 `json:"port"`
	Interface string `json:"interface,omitempty"` // such as eth0; empty: not told
}

// Connection is an established TCP connection.
type Connection struct {
	Remote         netip.AddrPort `json:"remote_addr"`
	LocalPort      uint16         `json:"local_port,omitempty"`      // 0: not told
	LocalInterface string         `json:"local_interface,omitempty"` // empty: not told
}

// Network counts what has passed since the last report.
type Network struct {
	BytesIn    uint64 `json:"bytes_in"`
	BytesOut   uint64 `json:"bytes_out"`
	PacketsIn  uint64 `json:"packets_in"`
	PacketsOut uint64 `json:"packets_out"`
}

// Value is that of a custom metric, of the type which the metric has in the account: make it with [Number], [Numbers],
// [Texts] or [Addresses].
type Value struct {
	Number    *float64  `json:"number,omitempty"`
	Numbers   []float64 `json:"number_list,omitempty"`
	Texts     []string  `json:"string_list,omitempty"`
	Addresses []string  `json:"ip_list,omitempty"`
}

// Number makes a value of a number.
func Number(n float64) Value { return Value{Number: &n} }

// Numbers makes a value of a list of numbers.
func Numbers(list ...float64) Value { return Value{Numbers: list} }

// Texts makes a value of a list of texts.
func Texts(list ...string) Value { return Value{Texts: list} }

// Addresses makes a value of a list of IP addresses.
func Addresses(list ...netip.Addr) Value {
	v := Value{}
	for _, a := range list {
		v.Addresses = append(v.Addresses, a.String())
	}
	return v
}

var errEmpty = errors.New("the report has no metrics")

// listing is a list as the service wants it, beside the number of its entries.
type listing[T any] struct {
	Ports       []T `json:"ports,omitzero"`
	Connections []T `json:"connections,omitzero"`
	Total       int `json:"total"`
}

type connections struct {
	Established listing[Connection] `json:"established_connections"`
}

type metrics struct {
	TCP         *listing[Port] `json:"listening_tcp_ports,omitempty"`
	UDP         *listing[Port] `json:"listening_udp_ports,omitempty"`
	Network     *Network       `json:"network_stats,omitempty"`
	Connections *connections   `json:"tcp_connections,omitempty"`
}

// message is a report as it is sent.
type message struct {
	Header struct {
		ID      int64  `json:"report_id"`
		Version string `json:"version"`
	} `json:"header"`
	Metrics *metrics           `json:"metrics,omitempty"`
	Custom  map[string][]Value `json:"custom_metrics,omitempty"` // with one entry each
}

func (r *Report) message() (*message, error) {
	m := new(message)
	if m.Header.ID, m.Header.Version = r.ID, "1.0"; r.ID == 0 {
		m.Header.ID = time.Now().Unix()
	}
	known := metrics{TCP: ports(r.ListeningTCP), UDP: ports(r.ListeningUDP), Network: r.Network}
	if r.Connections != nil {
		known.Connections = &connections{listing[Connection]{Connections: r.Connections, Total: len(r.Connections)}}
	}
	if known != (metrics{}) {
		m.Metrics = &known
	}
	for name, v := range r.Custom {
		if m.Custom == nil {
			m.Custom = make(map[string][]Value)
		}
		m.Custom[name] = []Value{v}
	}
	if m.Metrics == nil && m.Custom == nil {
		return nil, errEmpty
	}
	return m, nil
}

func ports(list []Port) *listing[Port] {
	if list == nil {
		return nil
	}
	return &listing[Port]{Ports: list, Total: len(list)}
}
