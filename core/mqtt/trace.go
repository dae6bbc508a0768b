package mqtt

import "time"

// Trace is told what happens. Every function may be nil, and then costs nothing. Functions run one at a time, in order,
// on a goroutine of their own: they may block without harm to the connection, and may call the client. Events that come
// while thousands wait for a function that blocks are counted in [Stats.Untold] and left out.
type Trace struct {
	// Attempt: an attempt to connect begins; it is the n-th since the last stable connection.
	Attempt func(n int)
	// ConnectFailed: an attempt failed. The next follows after wait, unless the error is terminal.
	ConnectFailed func(err *ConnectError, wait time.Duration)
	// Connected: the broker has accepted.
	Connected func(s Session)
	// Disconnected: an accepted connection has ended, and why. Each Connected is followed by one Disconnected.
	Disconnected func(err error)
	// Renewed: a re-authentication or a planned reconnect is over, err says why it failed or could not be begun. Where
	// that has cost the connection, Disconnected tells.
	Renewed func(err error)
	// SubscriptionLost: after a lost session the broker refused to restore a subscription.
	SubscriptionLost func(filter string, err error)
	// SubscriptionRestored: after a lost session the broker has granted a subscription again.
	SubscriptionRestored func(filter string)
	// Closed: the client is closed for good; err is what operations end with.
	Closed func(err error)
	// SubscriptionDelayed: after a lost session the broker did not restore a subscription for a reason that passes, as
	// that a quota is exceeded. It is asked again after wait; when it has refused for a minute, SubscriptionLost follows.
	SubscriptionDelayed func(filter string, err error, wait time.Duration)
	// Forgiven: the broker broke the protocol in a way that harms nothing.
	Forgiven func(err error)
	// HandlerPanic: a handler, a callback of PublishAsync, a function of the endpoint or its authenticator panicked with
	// v, nil where it ended its goroutine with runtime.Goexit. A message counts as handled; an attempt has failed.
	HandlerPanic func(v any, stack []byte)
	// Restored: the store held n messages of an earlier process, which are sent now.
	Restored func(n int)
	// Delivered: one of them, or a message of Enqueue, is over; err is nil where it was delivered. The topic is empty
	// where an earlier process had brought a message at QoS 2 to the broker, and only the end of the exchange was left:
	// then the message itself is not stored any more.
	Delivered func(topic string, err error)
	// StoreFailed: the store cannot save. The connection ends, and attempts fail, until it can.
	StoreFailed func(err error)
	// Dropped: messages at QoS 0 were dropped because their handler is too slow.
	Dropped func(n int)
}
