// Package chain reaches AWS IoT Core with the credentials that the AWS SDK finds by itself: environment variables, the
// shared configuration files, single sign-on, web identities, containers and instances.
//
//	endpoint, err := chain.WebSocket(ctx, "a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com")
//
// It is a module of its own because of what it brings along: a device that has a certificate needs none of it.
package chain
