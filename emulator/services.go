package emulator

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/commands"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/defender"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/fault"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/gate"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/jobs"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/provisioning"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/shadow"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// services is what answers on the reserved topics of the AWS profile. The server's lock guards it.
type services struct {
	shadow       *shadow.Service
	jobs         *jobs.Service
	provisioning *provisioning.Service
	commands     *commands.Service
	faults       *fault.Layer // in front of them
}

// newServices makes services that know nothing yet.
func newServices(host service.Host, a *account.Account, o iotcore.Options) *services {
	v := &services{
		shadow:   shadow.New(o.Shadows),
		jobs:     jobs.New(jobs.Limits{}),
		commands: commands.New(newUUID),
		provisioning: provisioning.New(provisioning.Config{
			Account: a, NewToken: func() string { return randomBase64(96) },
			Sign: func(csr []byte) ([]byte, error) {
				cert, _, err := host.NewCertificate(csr)
				return cert, err
			},
		}),
	}
	v.faults = fault.New(v.shadow, v.jobs, v.provisioning, v.commands, new(defender.Service))
	return v
}

// endpointOf returns the address of an endpoint by its type: all that the emulator has are at the same place.
func (s *Server) endpointOf(kind string) string {
	switch kind {
	case "", "iot:Data", "iot:Data-ATS", "iot:CredentialProvider", "iot:Jobs":
		return s.Endpoint()
	}
	return ""
}

// newUUID returns a random UUID.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// ask runs f with the services and publishes what it returns.
func (s *Server) ask(f func(now time.Time, v *services) ([]service.Message, error)) error {
	if s.cloud == nil {
		return ErrNotAWS
	}
	return s.do(func(now broker.Instant) error {
		out, err := f(s.wall(), s.cloud.services)
		s.core.Reply(now, gate.Replies(out)...)
		return public(err)
	})
}

// public returns the error of a service as one that programs know.
func public(err error) error {
	var e interface{ Public() *iotcore.Error }
	if errors.As(err, &e) {
		return e.Public()
	}
	return err
}
