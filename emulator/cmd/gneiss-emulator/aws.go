package main

import (
	"fmt"
	"os"

	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// The names of what there is from the beginning.
const (
	authorizerName = "gneiss"
	tokenKey       = "token"
	roleAlias      = "gneiss"
	policyName     = "device"
)

// prepare makes what AWS IoT Core needs before it starts.
func (set *settings) prepare() (err error) {
	if set.generic {
		return nil
	}
	if set.dir == "" {
		if set.dir, err = os.MkdirTemp("", "gneiss-emulator-"); err != nil {
			return err
		}
		set.temporary = true
	}
	set.authorizer, err = newAuthorizer()
	return err
}

// tidy removes a temporary directory.
func (set *settings) tidy() {
	if set.temporary {
		_ = os.RemoveAll(set.dir) // there is nobody to tell
	}
}

// aws returns the options of AWS IoT Core.
func (set *settings) aws(o emulator.Options) emulator.Options {
	o.Profile, o.MQTTSAddr, o.RequireClientCert = emulator.AWS, set.mqttsAddr, false
	o.HTTPAddr, o.StateDir = set.httpAddr, set.state
	o.IoT.EnforcePolicies = set.policy != ""
	o.IoT.Authorizers = []iotcore.Authorizer{set.authorizer.config()}
	if set.unlimited {
		o.IoT.Quotas = iotcore.NoQuotas()
	}
	return o
}

// equip makes the thing, with its policy, and the role alias.
func equip(srv *emulator.Server, set settings) (*emulator.Device, error) {
	device, err := srv.Device(set.clientName)
	if err != nil {
		return nil, err
	}
	if err := srv.RoleAlias(roleAlias, 0); err != nil {
		return nil, err
	}
	if set.policy == "" {
		return device, nil
	}
	document, err := os.ReadFile(set.policy)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	if err := srv.SetPolicy(policyName, string(document)); err != nil {
		return nil, fmt.Errorf("policy %s: %w", set.policy, err)
	}
	return device, srv.AttachPolicy(policyName, device.CertificateARN)
}
