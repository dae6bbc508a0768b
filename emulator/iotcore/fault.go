package iotcore

import "time"

// Fault is a failure of Shadow, Jobs, Fleet Provisioning, Commands or Device Defender to be provoked.
type Fault struct {
	// Topic is a filter for the topics of the requests that it befalls: "$aws/things/+/shadow/update" for instance.
	Topic string
	// Times is how many requests it befalls; 0 means all.
	Times int
	// Reject is the code of the rejected message that answers them: "429", "RequestThrottled", "AccessDenied". Empty means
	// that they are carried out.
	Reject string
	// Message goes with Reject.
	Message string
	// Drop loses all that follows from them: the answer, and what others would have got.
	Drop bool
	// Delay brings all that follows from them later.
	Delay time.Duration
}
