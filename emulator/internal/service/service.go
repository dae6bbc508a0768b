package service

import "time"

// A Service consumes the messages of its topics. Its methods are called one at a time and must not wait. What it answers
// goes through the broker like any other message: after the PUBACK of the request, before the sender's next packet is
// looked at.
type Service interface {
	// Handle takes a message and returns what is to be published, in order. ours is false where the topic is none of the
	// service's.
	Handle(r *Request) (out []Message, ours bool)
	// Wake does what is due, and returns what is to be published.
	Wake(now time.Time) []Message
	// NextWake returns when Wake is due; ok is false where nothing is.
	NextWake() (at time.Time, ok bool)
}
