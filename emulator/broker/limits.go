package broker

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// largestPacket is the size of the largest packet there is, fixed header included [section 2.1.4].
const largestPacket = 268_435_455 + 5

// Forever is the session expiry interval of a session that never expires.
const Forever = math.MaxUint32

// Limits is what the broker allows and what it announces in CONNACK. A zero field means the default named beside it.
type Limits struct {
	MaxConnections   int           // network connections at a time; 10,000
	MaxSessions      int           // sessions, connected or not; 100,000
	ConnectTimeout   time.Duration // from the open connection to an accepted CONNECT, and for a pending re-authentication; 10 s
	WriteTimeout     time.Duration // how long a client may leave its bytes unread; 60 s
	MaxClientID      int           // bytes of a client identifier; 1,024
	MaxPacketSize    uint32        // bytes of an inbound packet; 4 MiB
	ReceiveMaximum   uint16        // inbound QoS 1 and 2 messages in progress; 1,024
	MaxInflight      uint16        // outbound ones, beside the client's own receive maximum; 1,024
	TopicAliasIn     uint16        // topic aliases a client may use; 32
	TopicAliasOut    uint16        // topic aliases used towards a client that allows them; 32
	MaxTopicLength   int           // bytes of a topic name or filter; 65,535
	MaxTopicLevels   int           // levels of a topic name or filter, without $share/group; 128
	MaxFilters       int           // filters in a SUBSCRIBE or UNSUBSCRIBE; 1,024
	MaxSubscriptions int           // subscriptions of a session; 10,000
	AllSubscriptions int           // subscriptions of all sessions; 1,000,000

	MaxSessionExpiry  uint32 // seconds a session may outlive its connection; Forever
	SessionExpiryV311 uint32 // seconds for a 3.1.1 session with clean session 0; Forever
	MinKeepAlive      uint16 // seconds; 0: none
	MaxKeepAlive      uint16 // seconds, also for clients that ask for none; 0: any
	AlwaysKeepAlive   bool   // tell every MQTT 5 client its keep alive, also where it is its own
	AnnounceAll       bool   // say in CONNACK what is available too, not only what is not

	MaxQueued        int   // messages waiting for a session; 10,000
	MaxQueuedBytes   int   // their size, and the size of those in flight; 16 MiB
	MaxRetained      int   // retained messages; 100,000
	MaxRetainedBytes int64 // their size; 256 MiB
	OutBuffer        int   // bytes waiting to be written to a connection before messages wait or, at QoS 0, are dropped; 1 MiB

	NoTopicAliases      bool                   // neither accepted nor used, whatever the two maxima are
	MaximumQoS          packet.Opt[packet.QoS] // absent: 2
	NoRetain            bool                   // retained messages are refused with 0x9A
	NoWildcards         bool                   // wildcard subscriptions are refused with 0xA2
	NoShared            bool                   // shared subscriptions are refused with 0x9E
	NoSubscriptionIDs   bool                   // subscription identifiers are refused with 0xA1
	CheckPayloadFormat  bool                   // payloads marked UTF-8 that are not are refused with 0x99
	StrictText          bool                   // control and non-characters in strings are malformed
	RefuseEmptyClientID bool                   // instead of assigning one; 0x85
	ResponseInformation string                 // for clients that ask for it; empty: none
	PlainSuccess        bool                   // acknowledge with 0x00 also where nobody listened, not with 0x10

	// Where a broker differs from the specification on purpose.
	HashBelowOnly       bool // a/# does not match a
	RetainedToExactOnly bool // a subscription with wildcards gets no retained messages
	SessionPerVersion   bool // a session of the other version of MQTT is ended, not resumed
	NoDup               bool // repeated messages do not say so
	SharedAtRandom      bool // a message for a shared subscription goes to any member, not to each in turn
	StoredPerSecond     int  // of the messages that a session has kept, to its client when it is back; 0: as fast as can be
	NoUserProperties    bool // user properties in SUBSCRIBE, UNSUBSCRIBE, PUBACK and AUTH end the connection with 0x83
	EndAtSubscriptions  bool // a subscription over MaxSubscriptions ends the connection with 0x97
}

func orDefault[T comparable](p *T, def T) {
	var zero T
	if *p == zero {
		*p = def
	}
}

// withDefaults returns the limits with every zero field replaced.
func (l Limits) withDefaults() Limits {
	orDefault(&l.MaxConnections, 10_000)
	orDefault(&l.MaxSessions, 100_000)
	orDefault(&l.ConnectTimeout, 10*time.Second)
	orDefault(&l.WriteTimeout, time.Minute)
	orDefault(&l.MaxClientID, 1024)
	orDefault(&l.MaxPacketSize, 4<<20)
	orDefault(&l.ReceiveMaximum, 1024)
	orDefault(&l.MaxInflight, 1024)
	orDefault(&l.TopicAliasIn, 32)
	orDefault(&l.TopicAliasOut, 32)
	if l.NoTopicAliases {
		l.TopicAliasIn, l.TopicAliasOut = 0, 0
	}
	orDefault(&l.MaxTopicLength, math.MaxUint16)
	orDefault(&l.MaxTopicLevels, 128)
	orDefault(&l.MaxFilters, 1024)
	orDefault(&l.MaxSubscriptions, 10_000)
	orDefault(&l.AllSubscriptions, 1_000_000)
	orDefault(&l.MaxSessionExpiry, Forever)
	orDefault(&l.SessionExpiryV311, Forever)
	orDefault(&l.MaxQueued, 10_000)
	orDefault(&l.MaxQueuedBytes, 16<<20)
	orDefault(&l.MaxRetained, 100_000)
	orDefault(&l.MaxRetainedBytes, 256<<20)
	orDefault(&l.OutBuffer, 1<<20)
	return l
}

// maximumQoS returns the highest QoS that is accepted.
func (l *Limits) maximumQoS() packet.QoS { return l.MaximumQoS.Or(packet.QoS2) }

func (l *Limits) validate() error {
	for name, n := range map[string]int64{
		"MaxConnections": int64(l.MaxConnections), "MaxSessions": int64(l.MaxSessions), "ConnectTimeout": int64(l.ConnectTimeout),
		"WriteTimeout": int64(l.WriteTimeout), "MaxClientID": int64(l.MaxClientID), "MaxTopicLength": int64(l.MaxTopicLength),
		"MaxTopicLevels": int64(l.MaxTopicLevels), "MaxFilters": int64(l.MaxFilters), "MaxSubscriptions": int64(l.MaxSubscriptions),
		"AllSubscriptions": int64(l.AllSubscriptions),
		"MaxQueued":        int64(l.MaxQueued), "MaxQueuedBytes": int64(l.MaxQueuedBytes), "MaxRetained": int64(l.MaxRetained),
		"MaxRetainedBytes": l.MaxRetainedBytes, "OutBuffer": int64(l.OutBuffer),
		"StoredPerSecond": int64(l.StoredPerSecond),
	} {
		if n < 0 {
			return fmt.Errorf("broker: limit %s is negative", name)
		}
	}
	if l.MaxPacketSize > largestPacket {
		return fmt.Errorf("broker: limit MaxPacketSize is above the protocol's %d", largestPacket)
	}
	if q, ok := l.MaximumQoS.Get(); ok && q > packet.QoS2 {
		return fmt.Errorf("broker: maximum QoS %d", q)
	}
	if l.MaxKeepAlive != 0 && l.MinKeepAlive > l.MaxKeepAlive {
		return errors.New("broker: the minimum keep alive is above the maximum")
	}
	return nil
}
