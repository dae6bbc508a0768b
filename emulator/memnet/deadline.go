package memnet

import (
	"net"
	"time"
)

// deadline is a read or write deadline. It is guarded by the lock of its half.
type deadline struct {
	passed bool
	timer  *time.Timer
	count  int // tells a timer that goes off late from the present one
}

func (d *deadline) stop() {
	d.count++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

// setDeadline replaces a deadline. On an end that is closed it fails.
func (h *half) setDeadline(d *deadline, t time.Time, closed func() bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if closed() {
		return net.ErrClosed
	}
	d.stop()
	d.passed = false
	if t.IsZero() {
		h.changed.Broadcast()
		return nil
	}
	wait := time.Until(t)
	if wait <= 0 {
		d.passed = true
		h.changed.Broadcast()
		return nil
	}
	count := d.count
	d.timer = time.AfterFunc(wait, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if d.count == count {
			d.passed = true
			h.changed.Broadcast()
		}
	})
	return nil
}
