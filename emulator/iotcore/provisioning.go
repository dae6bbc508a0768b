package iotcore

import "context"

// ProvisioningTemplate turns the parameters of a device into things, certificates and policies.
type ProvisioningTemplate struct {
	// Name has 1 to 36 letters, digits, hyphens and underscores.
	Name        string
	Description string
	// Body is the template, in the form of the service: at most 10,240 bytes of JSON.
	Body string
	// Disabled templates provision nobody.
	Disabled bool
	// Hook is asked before anything is made; nil allows everyone.
	Hook ProvisioningHook `json:"-"`
}

// ProvisioningHook is a pre-provisioning hook: what the service has a Lambda function for. It runs on a goroutine of its
// own and may take 5 s; an error, and an answer that comes later, denies.
type ProvisioningHook func(context.Context, ProvisioningEvent) (ProvisioningDecision, error)

// ProvisioningEvent is what a pre-provisioning hook is told.
type ProvisioningEvent struct {
	ClaimCertificateID string // of the connection's certificate
	CertificateID      string
	CertificatePEM     string
	TemplateARN        string
	TemplateName       string
	ClientID           string
	Parameters         map[string]string
}

// ProvisioningDecision is what a hook answers. The zero value denies.
type ProvisioningDecision struct {
	Allow bool
	// Overrides replace parameters of the device.
	Overrides map[string]string
}
