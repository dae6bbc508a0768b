package emulator

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/gate"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/provisioning"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// PutProvisioningTemplate makes or replaces a template of Fleet Provisioning. Errors are [*iotcore.Error].
func (s *Server) PutProvisioningTemplate(t iotcore.ProvisioningTemplate) error {
	return s.ask(func(now time.Time, v *services) ([]service.Message, error) {
		return nil, v.provisioning.Put(now, t)
	})
}

// ProvisioningClaim makes a temporary certificate that is good for a template, as a trusted user does: it is gone after
// five minutes on the server's clock. The device that is returned has no thing.
func (s *Server) ProvisioningClaim(template string) (*Device, error) {
	if s.cloud == nil {
		return nil, ErrNotAWS
	}
	certPEM, keyPEM, err := host{s}.NewCertificate(nil)
	if err != nil {
		return nil, err
	}
	var claim provisioning.Claim
	err = s.ask(func(now time.Time, v *services) (_ []service.Message, err error) {
		claim, err = v.provisioning.NewClaim(now, template, certPEM, keyPEM)
		return nil, err
	})
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(claim.CertPEM, claim.KeyPEM)
	if err != nil {
		return nil, fmt.Errorf("emulator: provisioning claim: %w", err)
	}
	d := s.newDevice("", pair, claim.CertPEM, claim.KeyPEM)
	d.CertificateID, d.CertificateARN = claim.CertificateID, s.cloud.account.ARN("cert/"+claim.CertificateID)
	return d, nil
}

// callHooks starts the pre-provisioning hooks that are to be called. It is called with mu held.
func (s *Server) callHooks() {
	for _, call := range s.cloud.services.provisioning.TakeCalls() {
		s.wg.Go(func() {
			d, err := runHook(s.cloud.life, call)
			_ = s.do(func(now broker.Instant) error { // not running: nobody waits for the answer
				v, wall := s.cloud.services, s.wall()
				out := v.faults.Pass(wall, v.provisioning.Resolve(wall, call.ID, d, err))
				s.core.Reply(now, gate.Replies(out)...)
				return nil
			})
		})
	}
}

// runHook calls a hook, which may neither wait too long nor panic. One that ignores its context keeps its goroutine, but
// nobody waits for it.
func runHook(ctx context.Context, call provisioning.Call) (iotcore.ProvisioningDecision, error) {
	ctx, cancel := context.WithTimeout(ctx, provisioning.HookTimeout)
	defer cancel()
	type answer struct {
		d   iotcore.ProvisioningDecision
		err error
	}
	done := make(chan answer, 1)
	go func() {
		var a answer
		defer func() {
			if v := recover(); v != nil {
				a = answer{err: fmt.Errorf("emulator: the pre-provisioning hook has panicked: %v", v)}
			}
			done <- a
		}()
		a.d, a.err = call.Hook(ctx, call.Event)
	}()
	select {
	case a := <-done:
		return a.d, a.err
	case <-ctx.Done():
		return iotcore.ProvisioningDecision{}, ctx.Err()
	}
}
