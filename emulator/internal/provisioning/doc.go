// Package provisioning is the Fleet Provisioning service of the emulator: certificates made from nothing or from a signing
// request, the tokens that prove who owns them, and templates that turn parameters into things, certificates and
// policies.
//
// A pre-provisioning hook is the program's code, which may take its time. The service hands its calls out
// ([Service.TakeCalls]) and goes on when they are answered ([Service.Resolve]), or denies when that takes too long.
package provisioning
