package sim

import (
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Fault is a kind of misfortune.
type Fault int

// The faults.
const (
	FaultCut           Fault = iota // a link breaks
	FaultCutAtByte                  // a link breaks after so many bytes of one direction
	FaultHalfOpen                   // a link breaks, and one side or neither is told
	FaultStall                      // nothing arrives for a time
	FaultRefuse                     // attempts to connect are refused
	FaultHang                       // an attempt to connect is not answered
	FaultKill                       // the broker goes away and comes back with its sessions
	FaultAmnesia                    // the broker comes back without its sessions
	FaultPolite                     // the broker shuts down with a word
	FaultOtherLimits                // the broker comes back without sessions and with other limits
	FaultReconfigure                // the broker comes back with its sessions and with other limits
	FaultKick                       // the broker ends one connection with a DISCONNECT
	FaultDrop                       // the broker ends one connection without a word
	FaultEndSession                 // the broker ends one session
	FaultRefuseConnect              // the broker refuses the next CONNECT
	FaultSlowConnect                // the broker takes its time to answer a CONNECT
	FaultTakeOver                   // somebody else connects with the client's identifier
	FaultCrash                      // a process ends
	FaultPower                      // a machine loses its power
	FaultTimeLost                   // a machine loses its power, and the time of day with it
	FaultSuspend                    // a machine sleeps
	FaultClock                      // a clock jumps forward
	FaultSlowHandler                // a handler takes its time
	FaultSlowStore                  // the disk takes its time
	FaultStore                      // the disk fails for a while
	numFaults
)

var faultNames = [numFaults]string{"cut", "cut at a byte", "half-open", "stall", "connection refused", "connect hangs",
	"broker killed", "broker loses sessions", "broker shuts down", "broker with other limits", "broker reconfigured", "kicked by the broker",
	"dropped by the broker", "session ended by the broker", "CONNECT refused", "CONNECT answered late", "taken over",
	"process crash", "power cut", "time of day lost", "suspend", "clock jump", "slow handler", "slow disk", "disk failure"}

// String names the fault.
func (f Fault) String() string { return faultNames[f] }

// misfortune lets something go wrong, and sets the time of the next time.
func (w *world) misfortune() {
	if w.calm {
		return
	}
	w.sched.set(&w.fault, w.now+w.about(w.plan.faultEvery))
	f := Fault(w.weigh(w.plan.faults[:]))
	c := w.clients[w.IntN(len(w.clients))]
	w.note(c.name, faultNames[f], 0)
	if w.happens(f, c) {
		w.stats.Faults[f]++
	} else {
		w.note(c.name, "is spared", 0)
	}
}

// happens reports whether a fault could happen.
func (w *world) happens(f Fault, c *client) bool {
	s := w.server
	l := c.link
	if f <= FaultStall && (l == nil || l.trouble == forever) {
		return false
	}
	switch f {
	case FaultCut:
		l.sever(0, 0)
	case FaultCutAtByte:
		p := &l.up
		if w.one(2) {
			p = &l.down
		}
		p.cut = 1 + w.IntN(pick(w.chance, 5, 50, 500))
	case FaultHalfOpen:
		l.sever(time.Duration(pick(w.chance, 0, -1, -1)), time.Duration(pick(w.chance, 0, -1, -1)))
	case FaultStall:
		l.stall(w.one(2), w.one(2), w.now+w.within(time.Second, 2*time.Minute))
	case FaultRefuse:
		c.refused = 1 + w.IntN(3)
		if l != nil {
			l.sever(0, 0)
		}
	case FaultHang:
		c.hang = true
	case FaultKill, FaultAmnesia, FaultPolite, FaultOtherLimits, FaultReconfigure:
		return w.brokerFault(f)
	case FaultKick:
		return s.up && s.kick(c)
	case FaultDrop:
		err := s.b.Drop(s.now(), c.name)
		s.after()
		return s.up && err == nil
	case FaultEndSession:
		if !s.up {
			return false
		}
		err := s.b.EndSession(s.now(), c.name)
		s.after()
		return err == nil
	case FaultRefuseConnect:
		s.refuse = 1 + w.IntN(2)
	case FaultSlowConnect:
		s.dither = w.within(100*time.Millisecond, 20*time.Second)
	case FaultTakeOver:
		return s.up && s.takeOver(c)
	case FaultCrash, FaultPower:
		if c.e == nil {
			return false
		}
		c.crash(f == FaultPower)
	case FaultTimeLost:
		c.lost += w.within(time.Second, pick(w.chance, time.Minute, 400_000*time.Hour))
		c.crash(true)
	default:
		return w.slowness(f, c)
	}
	return true
}

func (w *world) slowness(f Fault, c *client) bool {
	switch f {
	case FaultSuspend:
		if c.e == nil || w.now < c.frozen {
			return false
		}
		c.suspend(w.within(time.Second, w.plan.longestSleep), w.one(2))
	case FaultClock:
		c.jump(w.within(time.Second, time.Hour))
	case FaultSlowHandler:
		c.inbox.slow = w.now + w.within(time.Second, 2*time.Minute)
	case FaultSlowStore:
		if c.store == nil {
			return false
		}
		c.store.slow = w.within(100*time.Millisecond, 20*time.Second)
	case FaultStore:
		if c.store == nil || c.store.busy {
			return false
		}
		c.store.fails = 1 + w.IntN(5)
	}
	return true
}

// brokerFault stops the broker for a while.
func (w *world) brokerFault(f Fault) bool {
	s := w.server
	if !s.up {
		return false
	}
	s.stop(f == FaultPolite || f > FaultPolite && w.one(2))
	switch f {
	case FaultOtherLimits:
		s.limits = w.plan.otherLimits(w.chance)
		s.fresh()
	case FaultAmnesia:
		s.fresh()
	case FaultReconfigure:
		l := w.plan.otherLimits(w.chance)
		l.MaximumQoS = s.limits.MaximumQoS // subscriptions keep the QoS they were granted
		s.limits = l
		if err := s.b.Reconfigure(l); err != nil {
			w.violate(kindModel, "Reconfigure: %v", err)
		}
	}
	s.deaf = w.one(3)
	w.sched.set(&s.back, w.now+w.within(0, w.plan.longestOutage))
	return true
}

// trouble returns until when the broker was away or slow.
func (s *server) trouble() time.Duration {
	if !s.up {
		return s.w.now
	}
	return s.bad
}

// kick ends a client's connection with a DISCONNECT.
func (s *server) kick(c *client) bool {
	code := pick(s.w.chance, packet.ServerBusy, packet.AdministrativeAction, packet.UseAnotherServer, packet.MaximumConnectTime,
		packet.UnspecifiedError, packet.MessageRateTooHigh)
	err := s.b.Disconnect(s.now(), c.name, code, "go away")
	s.after()
	return err == nil
}

// takeOver lets somebody else connect with the identifier of a client, and go away again.
func (s *server) takeOver(c *client) bool {
	w := s.w
	ss := s.sessions[c.name]
	lasting := c.plan.connect.SessionExpiry > 0
	if c.plan.engine.Version == packet.V311 {
		lasting = !c.plan.connect.CleanStart
	}
	if ss == nil || !lasting || c.plan.connect.AuthMethod != "" {
		return false
	}
	l := w.newLink(nil)
	p := c.plan.connect
	p.CleanStart, p.Will, p.KeepAlive = false, nil, 0
	b, err := p.Append(nil, c.plan.engine.Version)
	if err != nil {
		w.violate(kindModel, "a stranger's CONNECT: %v", err)
		return false
	}
	l.up.write(b)
	t := &timer{}
	t.fire = func() {
		if !l.serverGone {
			l.sever(0, 0)
		}
	}
	w.sched.set(t, w.now+w.within(10*time.Millisecond, 5*time.Second))
	return true
}
