package azure

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

// Cloud is one of each service on free ports of 127.0.0.1, for TLS and for WebSockets, with what a sample needs to use them.
type Cloud struct {
	Grid *EventGrid
	Hub  *Hub
	DPS  *DPS

	ca        string // file
	deviceKey string
	enrolled  string
	secret    string
	identity  *http.Server
	address   string
}

// The names in a [Cloud].
const (
	CloudDevice       = "pump-7"
	CloudScope        = "0ne00000001"
	CloudRegistration = "sn-007"
)

// StartCloud starts the services and writes the authorities of their certificates to a directory.
func StartCloud(dir string) (c *Cloud, err error) {
	c = &Cloud{deviceKey: newKey(), enrolled: newKey(), secret: rand.Text()}
	defer func() {
		if err != nil {
			_ = c.Close()
		}
	}()
	issuer, err := NewIssuer()
	if err != nil {
		return c, err
	}
	ports := emulator.Options{TLSAddr: "127.0.0.1:0", WSSAddr: "127.0.0.1:0"}
	if c.Grid, err = StartEventGrid(EventGridOptions{Server: ports, Issuer: issuer}); err != nil {
		return c, err
	}
	if c.Hub, err = StartHub(HubOptions{Server: ports, Devices: map[string]string{CloudDevice: c.deviceKey, CloudRegistration: c.enrolled}}); err != nil {
		return c, err
	}
	c.DPS, err = StartDPS(DPSOptions{Server: ports, Scope: CloudScope, Keys: map[string]string{CloudRegistration: c.enrolled},
		Hub: local(c.Hub.TLSAddr()), Polls: 1, RetryAfter: 2})
	if err != nil {
		return c, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return c, err
	}
	c.address = "http://" + l.Addr().String()
	c.identity = &http.Server{Handler: issuer.Handler("line-4", c.secret, time.Hour), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = c.identity.Serve(l) }()
	c.ca = filepath.Join(dir, "ca.pem")
	return c, c.writeAuthorities(dir)
}

// writeAuthorities puts those of all services into one file.
func (c *Cloud) writeAuthorities(dir string) error {
	var all []byte
	for _, s := range []*emulator.Server{c.Grid.Server, c.Hub.Server, c.DPS.Server} {
		all = append(all, s.CA()...)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("azure: %w", err)
	}
	if err := os.WriteFile(c.ca, all, 0o644); err != nil {
		return fmt.Errorf("azure: %w", err)
	}
	return nil
}

func newKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}

// local is an address with the name that certificates and signatures have.
func local(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return net.JoinHostPort("localhost", port)
}

// Run is how to run a sample.
type Run struct {
	Sample string   // the folder
	Env    []string // NAME=value
	Args   []string
}

// Runs are what the samples need to run against the cloud, where a sample knows WebSockets with them as well.
func (c *Cloud) Runs() []Run {
	identity := []string{"AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential", "IDENTITY_ENDPOINT=" + c.address, "IDENTITY_HEADER=" + c.secret}
	device := func(addr string) []string {
		return []string{"IOTHUB_DEVICE_CONNECTION_STRING=HostName=" + local(addr) + ";DeviceId=" + CloudDevice + ";SharedAccessKey=" + c.deviceKey}
	}
	return []Run{
		{"azure-eventgrid", identity, []string{"-host", local(c.Grid.TLSAddr()), "-ca", c.ca}},
		{"azure-eventgrid", identity, []string{"-host", local(c.Grid.WSSAddr()), "-ca", c.ca, "-websocket"}},
		{"azure-iothub", device(c.Hub.TLSAddr()), []string{"-ca", c.ca}},
		{"azure-iothub", device(c.Hub.WSSAddr()), []string{"-ca", c.ca, "-websocket"}},
		{"azure-dps", []string{"DPS_KEY=" + c.enrolled},
			[]string{"-host", local(c.DPS.TLSAddr()), "-scope", CloudScope, "-id", CloudRegistration, "-ca", c.ca}},
	}
}

// Close ends all services.
func (c *Cloud) Close() error {
	var errs []error
	if c.identity != nil {
		errs = append(errs, c.identity.Close())
	}
	if c.Grid != nil {
		errs = append(errs, c.Grid.Close())
	}
	if c.Hub != nil {
		errs = append(errs, c.Hub.Close())
	}
	if c.DPS != nil {
		errs = append(errs, c.DPS.Close())
	}
	return errors.Join(errs...)
}
