package main

import (
	"context"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/services/commands"
	"github.com/gneiss-mqtt/gneiss-go/services/provisioning"
	"github.com/gneiss-mqtt/gneiss-go/services/shadow"
)

// device is what the steps build up: each uses what those before it have made.
type device struct {
	identity *provisioning.Identity
	network  *network
	client   *mqtt.Client
	requests *reqres.Client // for all services on the client
	settings *shadow.Sync[settings]
	jobs     jobLog
	stopJobs context.CancelFunc
	commands *commands.Server
}

// close ends what was begun, the latest first.
func (d *device) close() {
	if d.commands != nil {
		d.commands.Close()
	}
	if d.stopJobs != nil {
		d.stopJobs()
		<-d.jobs.ended
	}
	if d.settings != nil {
		d.settings.Close()
	}
	if d.client != nil {
		d.client.Close()
	}
}
