package reqres

import (
	"errors"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// filterState is what is known about a filter.
type filterState uint8

const (
	filterNew     filterState = iota
	filterAsking              // SUBSCRIBE is under way
	filterGranted             // it is subscribed
	filterLost                // with the broker's session; the MQTT client has asked again
	filterResting             // refused for now: its streams ask again later
	filterLeaving             // UNSUBSCRIBE is under way
	filterFailed              // it is over; the entry is in no table any more
)

// entry is a filter that takes a part of the budget: from before SUBSCRIBE until after UNSUBSCRIBE is answered.
type entry struct {
	c    *Client
	name string

	state     filterState
	err       error         // of filterResting and filterFailed
	changed   chan struct{} // closed and replaced with every change of state
	refs      int           // leases; a filter without any may be evicted
	streams   []*Stream
	used      uint64
	sub       *mqtt.Subscription
	restoring bool        // lost while its SUBSCRIBE was under way
	tries     int         // refusals in a row
	timer     *time.Timer // of filterResting
}

// set changes the state. c.mu is held.
func (e *entry) set(s filterState, err error) {
	if e.state == filterFailed {
		return
	}
	e.state, e.err = s, err
	close(e.changed)
	e.changed = make(chan struct{})
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
}

// ask subscribes to a filter, on a goroutine of its own: whoever needed it first may give up before the others. c.mu is
// held.
func (c *Client) ask(e *entry) {
	e.set(filterAsking, nil)
	e.restoring = false
	streams := e.streams
	c.working.Go(func() {
		for _, s := range streams {
			s.listen() // before the broker can send anything
		}
		sub, err := c.mqtt.SubscribeWith(c.ctx, mqtt.SubscribeOptions{Borrow: true,
			Handler: func(m mqtt.Message) { c.arrived(e, m) }}, mqtt.Filter{Filter: e.name, QoS: packet.QoS1})
		c.mu.Lock()
		defer c.mu.Unlock()
		switch {
		case e.state != filterAsking && err == nil: // given up meanwhile
			c.working.Go(func() { c.quit(e, sub) })
		case e.state != filterAsking:
			c.gone(e)
		case err != nil:
			c.refused(e, err)
		case e.restoring:
			e.sub = sub
			e.set(filterLost, nil)
		default:
			e.sub, e.tries = sub, 0
			c.nowGranted(e)
		}
	})
}

// nowGranted notes that the filter is subscribed. c.mu is held.
func (c *Client) nowGranted(e *entry) {
	e.set(filterGranted, nil)
	for _, s := range e.streams {
		s.tell(StreamEvent{Status: Established})
	}
}

// leave gives up a filter that nobody uses. One whose SUBSCRIBE is under way may be granted already: it counts for the
// limits of the broker until it is unsubscribed, so that the answer has to come first. c.mu is held.
func (c *Client) leave(e *entry) {
	asking, sub := e.state == filterAsking, e.sub
	if e.set(filterLeaving, nil); asking {
		return // ask does the rest
	}
	c.working.Go(func() { c.quit(e, sub) })
}

// quit unsubscribes. Until the broker has answered, the filter counts for the limits of both sides.
func (c *Client) quit(e *entry, sub *mqtt.Subscription) {
	for n := 0; sub != nil; n++ {
		err := sub.Close(c.ctx)
		_, refused := errors.AsType[*mqtt.ReasonError](err)
		if err == nil || c.ctx.Err() != nil || refused && n >= 2 {
			break
		}
		Pause(c.ctx, n, longestPause)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone(e)
}

// gone frees the part of the budget. c.mu is held.
func (c *Client) gone(e *entry) {
	if c.filters[e.name] == e {
		delete(c.filters, e.name)
	}
	e.set(filterFailed, errReleased)
	c.pump()
}

// refused handles the failure of a SUBSCRIBE, or of restoring what it had asked for. Requests that wait for the filter
// fail at once. Streams ask again later, unless that is in vain. c.mu is held.
func (c *Client) refused(e *entry, err error) {
	again := e.streams[:0:0]
	for _, s := range e.streams {
		if s.hopeless(err) {
			e.refs--
			s.halt(err)
			continue
		}
		s.deaf()
		s.tell(StreamEvent{Status: Lost, Err: err})
		again = append(again, s)
	}
	e.sub, e.streams = nil, again
	if len(again) == 0 {
		if c.filters[e.name] == e {
			delete(c.filters, e.name)
		}
		e.set(filterFailed, err)
		c.pump()
		return
	}
	e.set(filterResting, err)
	e.timer = time.AfterFunc(pause(e.tries, longestPause), func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if e.state == filterResting && c.closed == nil {
			c.ask(e)
		}
	})
	e.tries++
}
