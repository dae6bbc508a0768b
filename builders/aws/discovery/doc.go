// Package discovery asks AWS for the endpoints of an account. They never change, so that a device is better given its
// endpoint; this is for programs that run in several accounts.
//
// It is a module of its own because of what it brings along.
package discovery
