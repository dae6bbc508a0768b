package mqttws

import (
	"sync"
	"time"
)

// deadline is a channel that is closed at a time that can be moved, also for those who wait already.
type deadline struct {
	mu      sync.Mutex
	timer   *time.Timer
	expired chan struct{} // made when first asked for
}

// set moves the deadline; the zero time means none.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.channel() // it has fired: it must not close the next channel
	}
	d.timer = nil
	select {
	case <-d.channel():
		d.expired = nil
	default:
	}
	if t.IsZero() {
		return
	}
	expired := d.channel()
	if left := time.Until(t); left > 0 {
		d.timer = time.AfterFunc(left, func() { close(expired) })
	} else {
		close(expired)
	}
}

// wait returns what is closed at the deadline.
func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.channel()
}

func (d *deadline) channel() chan struct{} {
	if d.expired == nil {
		d.expired = make(chan struct{})
	}
	return d.expired
}
