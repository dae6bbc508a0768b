package commands

import (
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// The types of the public API, which are the same.
type (
	Status    = iotcore.CommandStatus
	Reason    = iotcore.CommandReason
	Value     = iotcore.CommandValue
	Target    = iotcore.CommandTarget
	Execution = iotcore.CommandExecution
)

// The states of executions, and the kinds of targets.
const (
	Created    = iotcore.CommandCreated
	InProgress = iotcore.CommandInProgress
	Succeeded  = iotcore.CommandSucceeded
	Failed     = iotcore.CommandFailed
	Rejected   = iotcore.CommandRejected
	TimedOut   = iotcore.CommandTimedOut

	Things  = iotcore.TargetThings
	Clients = iotcore.TargetClients
)

func valid(t Target) bool {
	switch t.Kind {
	case Things:
		return service.ValidThing(t.ID)
	case Clients:
		return t.ID != "" && len(t.ID) <= 128 && !strings.ContainsAny(t.ID, "/+#\x00")
	}
	return false
}

// waits reports whether the execution can still time out.
func waits(x *Execution) bool { return x.Status == Created || x.Status == InProgress }

func deadline(x *Execution) time.Time { return x.CreatedAt.Add(x.Timeout) }

func prefix(x *Execution) string {
	return "$aws/commands/" + x.Target.Kind + "/" + x.Target.ID + "/executions/" + x.ID + "/"
}

// result is what a device reports: a status with what belongs to it.
type result struct {
	status Status
	reason *Reason
	values map[string]Value
}

// apply records what the device has said. Details that it does not mention stay.
func apply(now time.Time, x *Execution, r result) {
	x.Status, x.UpdatedAt = r.status, now
	if x.Reason = r.reason; r.values != nil {
		x.Result = r.values
	}
	if x.StartedAt.IsZero() {
		x.StartedAt = now
	}
	if r.status == InProgress {
		x.EndedAt = time.Time{}
		return
	}
	x.Final, x.EndedAt = true, now
}
