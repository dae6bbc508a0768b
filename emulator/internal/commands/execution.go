package commands

import (
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// Status is the state of an execution.
type Status string

// The states of executions.
const (
	Created    Status = "CREATED"
	InProgress Status = "IN_PROGRESS"
	Succeeded  Status = "SUCCEEDED"
	Failed     Status = "FAILED"
	Rejected   Status = "REJECTED"
	TimedOut   Status = "TIMED_OUT"
)

// NoResponse is the reason code of an execution that the service has timed out.
const NoResponse = "$NO_RESPONSE_FROM_DEVICE"

// Reason says why an execution has its status.
type Reason struct {
	Code        string `json:"reasonCode"`
	Description string `json:"reasonDescription,omitempty"`
}

// Value is one result of an execution: exactly one field is set.
type Value struct {
	S   *string `json:"S,omitempty"`
	B   *bool   `json:"B,omitempty"`
	BIN []byte  `json:"BIN,omitempty"`
}

// Target is a device: a thing, or a client identifier for devices that are not registered.
type Target struct {
	Kind string // "things" or "clients"
	ID   string
}

// The kinds of targets.
const (
	Things  = "things"
	Clients = "clients"
)

func (t Target) valid() bool {
	switch t.Kind {
	case Things:
		return service.ValidThing(t.ID)
	case Clients:
		return t.ID != "" && len(t.ID) <= 128 && !strings.ContainsAny(t.ID, "/+#\x00")
	}
	return false
}

// Execution is a command that was sent to a device.
type Execution struct {
	ID      string
	Command string
	Target  Target
	Status  Status
	Reason  *Reason          `json:",omitempty"`
	Result  map[string]Value `json:",omitempty"`
	// Final is true once the device has said the last word.
	Final     bool
	Timeout   time.Duration
	CreatedAt time.Time
	StartedAt time.Time `json:",omitzero"`
	UpdatedAt time.Time
	EndedAt   time.Time `json:",omitzero"`
}

// waits reports whether the execution can still time out.
func (x *Execution) waits() bool { return x.Status == Created || x.Status == InProgress }

func (x *Execution) deadline() time.Time { return x.CreatedAt.Add(x.Timeout) }

func (x *Execution) prefix() string {
	return "$aws/commands/" + x.Target.Kind + "/" + x.Target.ID + "/executions/" + x.ID + "/"
}

// result is what a device reports: a status with what belongs to it.
type result struct {
	status Status
	reason *Reason
	values map[string]Value
}

// apply records what the device has said. Details that it does not mention stay.
func (x *Execution) apply(now time.Time, r result) {
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
