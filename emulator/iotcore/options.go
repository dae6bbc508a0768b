package iotcore

import "time"

// Options is what the emulated account is like.
type Options struct {
	// Region and Account are parts of every ARN, and Region is what requests must be signed for; empty means us-east-1
	// and 123456789012.
	Region, Account string
	// Quotas limits clients.
	Quotas Quotas
	// Shadows bounds what shadows may hold.
	Shadows ShadowLimits
	// EnforcePolicies makes the IoT policies of certificates count: a certificate without a policy may do nothing then.
	// Otherwise everyone may do everything that is not reserved.
	EnforcePolicies bool
	// Authorizers are the custom authorizers, by name.
	Authorizers []Authorizer
	// EndOnReserved ends connections that publish or subscribe to topics that begin with $ and that the service does not
	// have. Otherwise such messages go nowhere and such subscriptions get nothing; the real service does the one or the
	// other.
	EndOnReserved bool
	// EndOnDenied ends MQTT 5 connections also for a refused SUBSCRIBE, or PUBLISH at QoS 1, instead of answering with
	// 0x87 alone. MQTT 3.1.1 connections are always ended for a message that is refused, and so are MQTT 5 connections at
	// QoS 0, where nothing can be answered.
	EndOnDenied bool
	// HonourWillDelay makes wills wait for their delay interval, which is not among the properties that the service says to
	// support.
	HonourWillDelay bool
	// ClockSkew is how far the time of a signature may be from the emulator's; 0 means 5 minutes.
	ClockSkew time.Duration
}

// WithDefaults returns the options with every zero field replaced.
func (o Options) WithDefaults() Options {
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Account == "" {
		o.Account = "123456789012"
	}
	if o.ClockSkew == 0 {
		o.ClockSkew = 5 * time.Minute
	}
	o.Quotas = o.Quotas.withDefaults()
	return o
}
