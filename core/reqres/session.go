package reqres

import (
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// connected notes what the broker has lost. The answer to a request that was acknowledged in an earlier session may have
// been sent to nobody. One that was not acknowledged yet is sent again by the MQTT client, after the filters.
func (c *Client) connected(s mqtt.Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.online = time.Now()
	for _, l := range c.lanes {
		if l.left != nil && l.left.session == 0 {
			l.left.expect++ // it is sent again
		}
	}
	if s.Number > c.session {
		c.session = s.Number
		var over []*call
		for _, list := range c.calls {
			for _, k := range list {
				if k.session != 0 && k.session < s.Number {
					over = append(over, k)
				}
			}
		}
		for _, k := range over {
			c.lose(k)
		}
	}
	for _, f := range s.Restoring {
		e := c.filters[f]
		switch {
		case e == nil:
		case e.state == filterAsking:
			e.restoring = true
		case e.state == filterGranted:
			e.set(filterLost, nil)
			for _, s := range e.streams {
				s.tell(StreamEvent{Status: Lost, Err: mqtt.ErrSessionLost})
			}
		}
	}
}

// disconnected notes that nothing can be sent or answered for now.
func (c *Client) disconnected(error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.online = time.Time{}
}

// restored notes that the broker has a filter again.
func (c *Client) restored(filter string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.filters[filter]
	switch {
	case e == nil:
	case e.state == filterAsking:
		e.restoring = false
	case e.state == filterLost:
		c.nowGranted(e)
	case e.state == filterGranted: // it was lost before it was known to be granted
		for _, s := range e.streams {
			s.tell(StreamEvent{Status: Lost, Err: mqtt.ErrSessionLost})
			s.tell(StreamEvent{Status: Established})
		}
	}
}

// lost notes that the broker does not restore a filter. While a SUBSCRIBE of ours is under way, its answer decides.
func (c *Client) lost(filter string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.filters[filter]; e != nil && (e.state == filterLost || e.state == filterGranted) {
		c.refused(e, err)
	}
}
