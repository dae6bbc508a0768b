// Package account is what AWS IoT Core keeps of an account: things, device certificates, policies, access keys and role
// aliases. It decides nothing and knows no clock; the emulator's lock guards it, so that its methods must not be called at
// the same time.
package account
