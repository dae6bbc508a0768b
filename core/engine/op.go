package engine

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// OpKind says what an operation does.
type OpKind uint8

// The kinds of operation.
const (
	OpPublish OpKind = iota
	OpSubscribe
	OpUnsubscribe
)

// String returns the name of the packet that the operation sends.
func (k OpKind) String() string {
	switch k {
	case OpSubscribe:
		return "SUBSCRIBE"
	case OpUnsubscribe:
		return "UNSUBSCRIBE"
	}
	return "PUBLISH"
}

// Op is one publish, subscribe or unsubscribe. The driver fills the request, submits it, must not touch it until the
// engine hands it back through [Engine.TakeDone], and may then reset and use it again.
type Op struct {
	// The request.
	Kind        OpKind
	Publish     packet.Publish     // for OpPublish; ID, Dup and SubscriptionIDs are ignored
	Subscribe   packet.Subscribe   // for OpSubscribe; ID is ignored
	Unsubscribe packet.Unsubscribe // for OpUnsubscribe; ID is ignored
	Static      bool               // the byte slices of Publish never change: they are not copied
	OptionalID  bool               // leave Subscribe.SubscriptionID out where the broker has no such identifiers
	User        any                // for the driver

	// The result, valid when the operation is done.
	Err            error               // nil on success; failing reason codes are a *ReasonError
	Code           packet.ReasonCode   // of the final acknowledgement
	Codes          []packet.ReasonCode // of SUBACK and UNSUBACK, one per filter
	ReasonString   string
	UserProperties []packet.UserProperty
	Sent           bool // a byte of the packet may have left this machine

	progress
}

// progress is what the engine notes about an operation.
type progress struct {
	seq         uint64  // submission order, for ever
	size        int     // what it takes of the queue's byte limit
	submitted   Instant // for message expiry
	turn        uint64  // of a SUBSCRIBE or UNSUBSCRIBE among all that was sent, of a PUBREC among all that came
	sentAt      Instant // when it was last encoded
	start, end  uint64  // where its packet is in the stream of this connection; 0, 0: not encoded
	expires     Instant // Never: does not
	id          uint16
	state       opState
	interrupted uint8 // how many connections ended while it was unacknowledged
	before      bool  // a byte of it left in a session that is lost
	slow        bool  // counted by slow start
	abandoned   bool  // the driver was told of a timeout
	internal    bool  // belongs to the engine: a restored subscription or a quarantined identifier
	queued      bool  // counted by the queue limits
	durable     bool  // it is stored
	noted       bool  // and so is its state
	own         []byte
	ownUser     []packet.UserProperty

	prev, next *Op
	list       *opList
}

type opState uint8

const (
	opIdle     opState = iota
	opWaiting          // in a queue
	opWriting          // QoS 0, encoded, not yet written
	opUnacked          // PUBLISH, SUBSCRIBE or UNSUBSCRIBE encoded, waiting for its acknowledgement
	opReleased         // PUBREL encoded, waiting for PUBCOMP
	opDone
)

// keepOwn is how much memory an operation keeps for the next payload it copies.
const keepOwn = 16 << 10

// Reset makes the operation ready for another request. It keeps User and the memory for payloads.
func (o *Op) Reset() {
	own, ownUser := o.own[:0], o.ownUser[:0]
	if cap(own) > keepOwn {
		own = nil
	}
	clear(o.ownUser)
	if o.Kind != OpPublish {
		*o = Op{User: o.User, progress: progress{own: own, ownUser: ownUser}}
		return
	}
	o.Publish = packet.Publish{} // by far the most frequent: what it does not use is not cleared
	o.Static, o.Err, o.Code, o.Sent = false, nil, 0, false
	o.ReasonString, o.UserProperties = "", nil
	o.progress = progress{own: own, ownUser: ownUser}
}

// retain copies what the caller may change while the engine still needs it. Strings cannot change.
func (o *Op) retain() {
	p := &o.Publish
	if o.Static || o.Kind != OpPublish || len(o.own) > 0 {
		return
	}
	if n := len(p.Payload) + len(p.CorrelationData); n > 0 {
		if cap(o.own) < n {
			o.own = make([]byte, 0, n)
		}
		o.own = append(append(o.own, p.Payload...), p.CorrelationData...)
		m := len(p.Payload)
		p.Payload = o.own[:m:m]
		if p.CorrelationData != nil {
			p.CorrelationData = o.own[m:n:n]
		}
	}
	if len(p.UserProperties) > 0 {
		o.ownUser = append(o.ownUser[:0], p.UserProperties...)
		p.UserProperties = o.ownUser
	}
}

// acknowledged reports whether the peer answers the operation.
func (o *Op) acknowledged() bool { return o.Kind != OpPublish || o.Publish.QoS > 0 }

// weigh estimates what the operation holds in memory, for the byte limit of the queue.
func (o *Op) weigh() int {
	n := 256
	switch o.Kind {
	case OpPublish:
		p := &o.Publish
		n += len(p.Topic) + len(p.Payload) + len(p.CorrelationData) + len(p.ContentType) + len(p.ResponseTopic)
		n += weighUser(p.UserProperties)
	case OpSubscribe:
		for i := range o.Subscribe.Filters {
			n += 32 + len(o.Subscribe.Filters[i].Filter)
		}
		n += weighUser(o.Subscribe.UserProperties)
	case OpUnsubscribe:
		for _, f := range o.Unsubscribe.Filters {
			n += 16 + len(f)
		}
		n += weighUser(o.Unsubscribe.UserProperties)
	}
	return n
}

func weighUser(list []packet.UserProperty) (n int) {
	for i := range list {
		n += 32 + len(list[i].Key) + len(list[i].Value)
	}
	return n
}
