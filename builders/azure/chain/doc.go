// Package chain reaches Azure with the credentials that azidentity finds by itself: environment variables, workload and
// managed identities, and the tools of a developer.
//
//	endpoint, err := chain.EventGrid("factory.westeurope-1.ts.eventgrid.azure.net")
//
// It is a module of its own because of what it brings along: a device that has a key needs none of it. In production,
// Microsoft advises a specific credential of azidentity, which [azureiot.EventGrid] takes.
package chain
