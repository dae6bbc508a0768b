package mqttws

import (
	"sync"
	"time"
)

// deadline is a channel that is closed at a time that can be moved.
type deadline struct {
	mu      sync.Mutex
	timer   *time.Timer
	expired chan struct{} // nil where there is no deadline
}

// set moves the deadline; the zero time means none.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if t.IsZero() {
		d.expired = nil
		return
	}
	expired := make(chan struct{})
	d.expired = expired
	d.timer = time.AfterFunc(time.Until(t), func() { close(expired) })
}

// channel returns what is closed at the deadline, nil where there is none.
func (d *deadline) channel() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.expired
}
