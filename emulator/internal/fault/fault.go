// Package fault makes the emulated services fail: they reject requests, lose answers, or take their time.
package fault

import (
	"slices"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// Service is a service that can be made to fail.
type Service interface {
	service.Service
	// Refuse answers a request with an error. It reports false for what is no request.
	Refuse(r *service.Request, code, message string) ([]service.Message, bool)
}

// Layer stands between clients and services. Its calls must not be concurrent.
type Layer struct {
	services []Service
	faults   []*fault
	last     int
	late     []late // in the order of their time
	busy     bool
}

type fault struct {
	iotcore.Fault
	id int
}

// late is messages that are to come later.
type late struct {
	at  time.Time
	out []service.Message
}

// maxFaults bounds what can be asked for at a time, and maxLate what can be late.
const (
	maxFaults = 1000
	maxLate   = 100_000
)

// New returns a layer without faults over services, in the order in which they are asked.
func New(services ...Service) *Layer { return &Layer{services: services} }

// Add adds a fault and returns its number. The first that matches a request counts.
func (l *Layer) Add(f iotcore.Fault) (id int, ok bool) {
	if len(l.faults) >= maxFaults {
		return 0, false
	}
	l.last++
	l.faults = append(l.faults, &fault{f, l.last})
	return l.last, true
}

// Remove removes a fault. One that is not there any more is ignored.
func (l *Layer) Remove(id int) {
	l.faults = slices.DeleteFunc(l.faults, func(f *fault) bool { return f.id == id })
}

// Handle hands a request to its service, unless a fault is in the way.
func (l *Layer) Handle(r *service.Request) (out []service.Message, ours bool) {
	f := l.hit(r.Topic)
	l.busy = true
	if f != nil {
		r.Fault = &f.Fault
	}
	for _, s := range l.services {
		if f != nil && f.Reject != "" {
			out, ours = s.Refuse(r, f.Reject, f.Message)
		} else {
			out, ours = s.Handle(r)
		}
		if ours {
			break
		}
	}
	switch {
	case f == nil:
		return out, ours
	case f.Drop:
		return nil, ours
	case f.Delay > 0 && len(out) > 0 && len(l.late) < maxLate:
		l.postpone(late{r.Now.Add(f.Delay), out})
		return nil, ours
	}
	return out, ours
}

// Pass returns what the faults of their requests leave of messages that were decided on later.
func (l *Layer) Pass(now time.Time, list []service.Message) (out []service.Message) {
	for _, m := range list {
		switch f := m.Fault; {
		case f != nil && f.Drop:
		case f != nil && f.Delay > 0 && len(l.late) < maxLate:
			l.postpone(late{now.Add(f.Delay), []service.Message{m}})
		default:
			out = append(out, m)
		}
	}
	return out
}

// TakeBusy reports whether the services have had something to do since the last call.
func (l *Layer) TakeBusy() bool {
	busy := l.busy
	l.busy = false
	return busy
}

// hit returns the fault that befalls a request on a topic, and counts it.
func (l *Layer) hit(topic string) *fault {
	for _, f := range l.faults {
		if !packet.Match(f.Topic, topic) {
			continue
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				l.Remove(f.id)
			}
		}
		return f
	}
	return nil
}

func (l *Layer) postpone(m late) {
	i, _ := slices.BinarySearchFunc(l.late, m.at, func(e late, at time.Time) int {
		if e.at.After(at) {
			return 1
		}
		return -1 // behind what is due at the same time
	})
	l.late = slices.Insert(l.late, i, m)
}

// NextWake returns when Wake has something to do.
func (l *Layer) NextWake() (at time.Time, ok bool) {
	for _, s := range l.services {
		if t, due := s.NextWake(); due && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	if len(l.late) > 0 && (!ok || l.late[0].at.Before(at)) {
		at, ok = l.late[0].at, true
	}
	return at, ok
}

// Wake lets the services do what is due, and sends what was late.
func (l *Layer) Wake(now time.Time) (out []service.Message) {
	l.busy = true
	for len(l.late) > 0 && !now.Before(l.late[0].at) {
		out = append(out, l.late[0].out...)
		l.late = l.late[1:]
	}
	for _, s := range l.services {
		if at, due := s.NextWake(); due && !now.Before(at) {
			out = append(out, l.Pass(now, s.Wake(now))...)
		}
	}
	return out
}
