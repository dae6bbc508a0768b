package sim

import (
	"fmt"
	"math"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// plan is what a seed makes of a world. Each world has only some of the faults and operations: what happens all the time
// hides what happens rarely.
type plan struct {
	rounds  int           // of storm and calm
	storm   time.Duration // how long each storm is
	clients []*clientPlan
	limits  broker.Limits
	harsh   bool // limits may be such that a message ends its connection

	network struct {
		minLatency, maxLatency time.Duration
		window                 int
		styles                 [numStyles]int
	}

	faultEvery    time.Duration
	faults        [numFaults]int
	longestOutage time.Duration
	longestSleep  time.Duration
	slowStore     int // percent
	refuseFilters int // one in so many; 0: none
	refuseAuth    int // percent

	opEvery       time.Duration
	acts          [numActs]int
	qos           [3]int
	flood         int
	sizes         int
	expiring      int // percent
	longestExpiry int // seconds
	refused       int // percent
	poison        int // percent
}

// clientPlan is one client of a plan.
type clientPlan struct {
	name           string
	durable        bool
	engine         engine.Config
	connect        packet.Connect
	connectTimeout time.Duration
	backoffMin     time.Duration
	backoffMax     time.Duration
	filters        []packet.Filter

	handler struct {
		slow    int // percent of the times
		longest time.Duration
		refuse  int // percent, with manual acknowledgement
	}
}

func newPlan(r chance) *plan {
	p := &plan{rounds: 1 + r.IntN(3)}
	p.storm = r.within(20*time.Minute, 3*time.Hour) / time.Duration(p.rounds)
	n := &p.network
	n.minLatency = time.Millisecond
	n.maxLatency = pick(r, 2*time.Millisecond, 20*time.Millisecond, 200*time.Millisecond)
	n.window = pick(r, 300, 2000, 64<<10, 64<<10)
	n.styles = [numStyles]int{4, r.IntN(4), r.IntN(2)}

	p.faultEvery = pick(r, 5*time.Second, 15*time.Second, 30*time.Second)
	p.longestOutage = pick(r, time.Second, 30*time.Second, 3*time.Minute)
	p.longestSleep = pick(r, 10*time.Second, 10*time.Minute)
	for f := range p.faults {
		p.faults[f] = pick(r, 0, 1, 1, 4)
	}
	p.faults[FaultCut]++
	p.slowStore = pick(r, 0, 5, 50)
	p.refuseFilters = pick(r, 0, 0, 10)
	p.refuseAuth = pick(r, 0, 5)

	p.opEvery = pick(r, time.Second, 5*time.Second, 20*time.Second)
	for a := range p.acts {
		p.acts[a] = pick(r, 0, 2, 4)
	}
	p.acts[actPublish] = 20
	p.acts[actFlood] = pick(r, 0, 0, 1)
	p.acts[actDrop] = pick(r, 0, 0, 1)
	p.acts[actRestart] = pick(r, 0, 0, 1)
	p.qos = [3]int{r.upTo(2), 1 + r.upTo(2), 1 + r.upTo(2)}
	p.flood = pick(r, 20, 100, 400)
	p.sizes = pick(r, 8, 60, 600)
	p.expiring = pick(r, 0, 20)
	p.longestExpiry = pick(r, 5, 60, 600)
	p.refused = pick(r, 0, 0, 3)
	p.poison = pick(r, 0, 0, 1)

	p.harsh = true
	for i := range 2 + r.IntN(3) {
		c := p.newClient(r, fmt.Sprintf("c%d", i))
		p.clients = append(p.clients, c)
		// MQTT 3.1.1 knows no such limits: what is beyond them would end the connection again and again.
		p.harsh = p.harsh && c.engine.Version == packet.V5
	}
	p.limits = p.otherLimits(r)
	return p
}

// otherLimits makes up the limits of a broker.
func (p *plan) otherLimits(r chance) broker.Limits {
	l := broker.Limits{
		ReceiveMaximum: pick[uint16](r, 1, 2, 10, 1024),
		MaxInflight:    pick[uint16](r, 1, 5, 1024),
		TopicAliasIn:   pick[uint16](r, 1, 3, 32),
		TopicAliasOut:  pick[uint16](r, 1, 3, 32),
		MaxQueued:      pick(r, 20, 10_000),
		MaxPacketSize:  pick[uint32](r, 4<<20, 4<<20, 400),
		OutBuffer:      pick(r, 2000, 1<<20),
		MaxKeepAlive:   pick[uint16](r, 0, 0, 30),
		WriteTimeout:   time.Minute,
	}
	l.MaxSessionExpiry = pick[uint32](r, broker.Forever, broker.Forever, 60)
	if r.one(6) {
		l.MaximumQoS = packet.Some(packet.QoS(r.IntN(2)))
	}
	l.NoRetain, l.NoWildcards, l.NoShared, l.NoSubscriptionIDs = r.one(8), r.one(8), r.one(8), r.one(4)
	if !p.harsh {
		l.MaximumQoS, l.NoRetain, l.MaxPacketSize = packet.Opt[packet.QoS]{}, false, 4<<20
	}
	return l
}

func (p *plan) newClient(r chance, name string) *clientPlan {
	v5 := r.IntN(4) > 0
	c := &clientPlan{name: name, durable: r.one(2)}
	e := &c.engine
	e.Version = packet.V5
	if !v5 {
		e.Version = packet.V311
	}
	e.Offline = engine.OfflinePolicy(r.IntN(4))
	if c.durable {
		e.Offline = pick(r, engine.KeepAcknowledged, engine.KeepAcknowledged, engine.KeepAll, engine.KeepPublishes)
	}
	e.QueueCount = pick(r, 5, 50, 0)
	e.QueueBytes = pick(r, 3000, 0, 0)
	e.AckTimeout = pick(r, engine.Duration(-1), 5*engine.Second, 60*engine.Second)
	e.PingTimeout = pick(r, 0, 5*engine.Second)
	e.OutLimit = pick(r, 500, 0, 0)
	e.Aliases = engine.AliasMode(r.IntN(3))
	e.AliasSize = pick(r, 2, 0)
	e.Durable = c.durable
	e.ManualAcks = r.one(3)
	e.ResumeUnknown = r.one(3)
	e.SlowStart = r.one(4)
	e.MaxInterrupted = pick[uint8](r, 0, 0, 1, 3)
	e.FiltersPerOp = pick(r, 1, 3, 0)
	e.MaxInflight = pick(r, 0, 0, 1, 7)
	e.PublishRate = pick(r, 0, 0, 0, 0, 2, 50)
	e.Strict = r.one(5)
	e.PublishBytes = pick(r, 0, 0, 0, 0, 400, 20_000)
	e.MaxPayload = pick(r, 0, 0, 0, 50)
	e.NoQoS2 = r.one(8)
	e.InboundBytes = pick(r, 0, 1)

	c.connect = packet.Connect{Version: e.Version, ClientID: name, KeepAlive: pick[uint16](r, 0, 5, 20, 60), CleanStart: r.one(8)}
	if v5 {
		c.connect.SessionExpiry = pick[uint32](r, 0, 30, math.MaxUint32, math.MaxUint32, math.MaxUint32)
		c.connect.ReceiveMaximum = pick[uint16](r, 0, 1, 3, 20)
		c.connect.MaximumPacketSize = pick[uint32](r, 0, 0, 300)
		c.connect.TopicAliasMaximum = pick[uint16](r, 0, 2, 10)
		if r.one(5) {
			c.connect.AuthMethod, c.connect.AuthData = "steps", []byte("c")
		}
		if r.one(6) {
			c.connect.RequestProblemInformation = packet.Some(false)
		}
	}
	if r.one(3) {
		c.connect.Will = &packet.Will{Topic: "w/" + name, Payload: []byte("w")}
		if v5 {
			c.connect.Will.DelayInterval = pick[uint32](r, 0, 5)
		}
	}
	c.connectTimeout = pick(r, 5*time.Second, 30*time.Second)
	c.backoffMin = pick(r, 100*time.Millisecond, time.Second)
	c.backoffMax = pick(r, time.Second, 20*time.Second)
	c.filters = p.someFilters(r, e.Version)
	for i := range c.filters {
		c.filters[i].QoS = min(c.filters[i].QoS, c.maximumQoS())
	}
	c.handler.slow = pick(r, 0, 5, 40)
	c.handler.longest = pick(r, 10*time.Millisecond, 3*time.Second)
	c.handler.refuse = pick(r, 0, 5)
	return c
}

// maximumQoS is what a client can ask for.
func (c *clientPlan) maximumQoS() packet.QoS {
	if c.engine.NoQoS2 {
		return packet.QoS1
	}
	return packet.QoS2
}

// someFilters chooses filters. Those of shared subscriptions have topics of their own, so that what reaches a session
// on a topic is either for the session or for its group.
func (p *plan) someFilters(r chance, v packet.Version) []packet.Filter {
	pool := []string{"p/#", "p/+/0", "p/c0/+", "p/c1/1", "all/#", "all/0", "+/1", "all/+", "w/+",
		"$share/g/s/#", "$share/g/s/0", "$share/h/s/+"}
	pool[6] = "p/+/1"
	n := 1 + r.IntN(4)
	var list []packet.Filter
	for _, i := range r.Perm(len(pool))[:n] {
		f := packet.Filter{Filter: pool[i], QoS: packet.QoS(r.IntN(3))}
		if r.one(2) {
			f.QoS = packet.QoS2
		}
		if v == packet.V5 {
			f.RetainAsPublished = r.one(4)
			f.RetainHandling = packet.RetainHandling(r.IntN(3))
			f.NoLocal = !packet.IsShared(f.Filter) && r.one(6)
		}
		list = append(list, f)
	}
	return list
}

// size returns the size of a payload.
func (p *plan) size(r chance) int { return r.IntN(p.sizes) }
