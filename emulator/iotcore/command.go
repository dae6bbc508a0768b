package iotcore

import "time"

// Command is what can be sent to devices.
type Command struct {
	// ID has 1 to 64 letters, digits, hyphens and underscores.
	ID          string
	Payload     []byte // 1 to 131,072 bytes, sent as they are
	ContentType string // decides about the topic: application/json and application/cbor have one of their own
	DisplayName string `json:",omitempty"`
	Description string `json:",omitempty"`
	// Deprecated commands cannot be sent any more.
	Deprecated bool

	// CreatedAt and UpdatedAt are set by the service.
	CreatedAt, UpdatedAt time.Time
}

// CommandTarget is a device: a thing, or a client identifier for devices that are not registered.
type CommandTarget struct {
	Kind string // "things" or "clients"
	ID   string
}

// The kinds of targets of commands.
const (
	TargetThings  = "things"
	TargetClients = "clients"
)

// CommandStatus is the state of an execution of a command.
type CommandStatus string

// The states of executions of commands.
const (
	CommandCreated    CommandStatus = "CREATED"
	CommandInProgress CommandStatus = "IN_PROGRESS"
	CommandSucceeded  CommandStatus = "SUCCEEDED"
	CommandFailed     CommandStatus = "FAILED"
	CommandRejected   CommandStatus = "REJECTED"
	CommandTimedOut   CommandStatus = "TIMED_OUT"
)

// NoResponse is the reason code of an execution that the service has timed out.
const NoResponse = "$NO_RESPONSE_FROM_DEVICE"

// CommandReason says why an execution has its status.
type CommandReason struct {
	Code        string `json:"reasonCode"`
	Description string `json:"reasonDescription,omitempty"`
}

// CommandValue is one result of an execution: exactly one field is set.
type CommandValue struct {
	S   *string `json:"S,omitempty"`
	B   *bool   `json:"B,omitempty"`
	BIN []byte  `json:"BIN,omitempty"`
}

// CommandExecution is a command that was sent to a device.
type CommandExecution struct {
	ID      string
	Command string // its identifier
	Target  CommandTarget
	Status  CommandStatus
	Reason  *CommandReason          `json:",omitempty"`
	Result  map[string]CommandValue `json:",omitempty"`
	// Final is true once the device has said the last word: a device may still answer what the service has timed out.
	Final     bool
	Timeout   time.Duration
	CreatedAt time.Time
	StartedAt time.Time `json:",omitzero"` // when the device first answered
	UpdatedAt time.Time
	EndedAt   time.Time `json:",omitzero"`
}
