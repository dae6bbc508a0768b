package defender_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/services/defender"
)

const topic = "$aws/things/lamp/defender/metrics/json"

// cloud answers reports.
type cloud struct {
	mu     sync.Mutex
	what   string // /accepted or /rejected
	body   string
	report string
}

// connect returns a client of lamp, and the service.
func connect(t *testing.T) (*defender.Client, *cloud) {
	t.Helper()
	s := &cloud{what: "/accepted", body: `{"thingName":"lamp","status":"ACCEPTED","timestamp":1700000000123}`}
	peer := mqtttest.NewPeer(t)
	peer.Serve(func(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
		out := mqtttest.Answer(c, in)
		if p, ok := in.(*packet.Publish); ok {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.report = p.Topic + " " + string(p.Payload)
			out = append(out, &packet.Publish{Topic: topic + s.what, Payload: []byte(s.body)})
		}
		return out
	})
	m, err := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: peer.Dial}, ClientID: "lamp"})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.Close()
		<-m.Done()
	})
	c, err := defender.New(reqres.New(m), "lamp")
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

// The bytes are those of the developer guide.
func TestSend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		for want, r := range map[string]defender.Report{
			`{"header":{"report_id":7,"version":"1.0"},"metrics":{` +
				`"listening_tcp_ports":{"ports":[{"port":22,"interface":"eth0"},{"port":443}],"total":2},` +
				`"listening_udp_ports":{"ports":[],"total":0},` +
				`"network_stats":{"bytes_in":1,"bytes_out":2,"packets_in":3,"packets_out":4},` +
				`"tcp_connections":{"established_connections":{"connections":[{"remote_addr":"[2001:db8::1]:443","local_port":5000,"local_interface":"eth0"},{"remote_addr":"192.0.2.1:8883"}],"total":2}}},` +
				`"custom_metrics":{"hosts":[{"ip_list":["192.0.2.1"]}],"load":[{"number":0.5}],"loads":[{"number_list":[1,2.5]}],"users":[{"string_list":["root"]}]}}`: {
				ID: 7, ListeningTCP: []defender.Port{{Port: 22, Interface: "eth0"}, {Port: 443}}, ListeningUDP: []defender.Port{},
				Network: &defender.Network{BytesIn: 1, BytesOut: 2, PacketsIn: 3, PacketsOut: 4},
				Connections: []defender.Connection{{Remote: netip.MustParseAddrPort("[2001:db8::1]:443"), LocalPort: 5000, LocalInterface: "eth0"},
					{Remote: netip.MustParseAddrPort("192.0.2.1:8883")}},
				Custom: map[string]defender.Value{"load": defender.Number(0.5), "loads": defender.Numbers(1, 2.5),
					"users": defender.Texts("root"), "hosts": defender.Addresses(netip.MustParseAddr("192.0.2.1"))},
			},
			`{"header":{"report_id":8,"version":"1.0"},"metrics":{"tcp_connections":{"established_connections":{"connections":[],"total":0}}}}`: {
				ID: 8, Connections: []defender.Connection{}},
			fmt.Sprintf(`{"header":{"report_id":%d,"version":"1.0"},"custom_metrics":{"load":[{"number":0}]}}`, time.Now().Unix()): {
				Custom: map[string]defender.Value{"load": defender.Number(0)}},
		} {
			if err := c.Send(t.Context(), r); err != nil {
				t.Error(err)
			}
			if s.report != topic+" "+want {
				t.Errorf("the service got %s, want %s", s.report, want)
			}
			if !json.Valid([]byte(want)) {
				t.Error(want)
			}
		}
	})
}

func TestRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		report := defender.Report{Network: &defender.Network{}}
		s.what, s.body = "/rejected", `{"thingName":"lamp","status":"REJECTED","statusDetails":{"ErrorCode":"InvalidPayload","ErrorMessage":"Malformed metrics report"},"timestamp":1700000000123}`
		err := c.Send(t.Context(), report)
		e, _ := errors.AsType[*defender.Error](err)
		if !errors.Is(err, defender.ErrInvalid) || e == nil || e.Message != "Malformed metrics report" || e.Timestamp.UnixMilli() != 1700000000123 {
			t.Errorf("got %v", err)
		}
		s.body = `{"statusDetails":{"ErrorCode":"Throttled","ErrorMessage":"slow down"}}`
		if err := c.Send(t.Context(), report); errors.Is(err, defender.ErrInvalid) || !strings.Contains(err.Error(), "slow down (Throttled)") {
			t.Errorf("got %v", err)
		}
		for _, body := range []string{`oops`, `{"timestamp":"now"}`, `{"statusDetails":[]}`} {
			s.body = body
			if _, ok := errors.AsType[*defender.MalformedError](c.Send(t.Context(), report)); !ok {
				t.Errorf("%s is read", body)
			}
		}
		s.report = ""
		if err := c.Send(t.Context(), defender.Report{ID: 1}); err == nil || s.report != "" {
			t.Errorf("an empty report is sent: %q, %v", s.report, err)
		}
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, thing := range []string{"", "a/b", "+", strings.Repeat("x", 129)} {
		if _, err := defender.New(nil, thing); err == nil {
			t.Errorf("%q is accepted", thing)
		}
	}
}
