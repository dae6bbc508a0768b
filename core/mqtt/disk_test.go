package mqtt_test

import (
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// disk outlives processes.
type disk struct {
	mu     sync.Mutex
	kept   map[uint64][]byte
	errs   []error // what the next calls of Apply return
	hold   chan struct{}
	opened int
	busy   bool
	t      *testing.T
}

func newDisk(t *testing.T) *disk { return &disk{kept: make(map[uint64][]byte), t: t} }

// open returns a store of this disk, for one process.
func (d *disk) open() mqtt.SessionStore {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opened++
	return &memStore{disk: d}
}

// lasting adds a store to a configuration.
func (d *disk) lasting(c *mqtt.Config) { c.Session = d.open() }

// after returns what a process finds that starts now.
func (d *disk) after() *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &disk{kept: maps.Clone(d.kept), t: d.t}
}

type memStore struct {
	*disk
	closed bool
}

func (s *memStore) enter() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy || s.closed {
		s.t.Errorf("the store is used by two goroutines at once (%v) or after Close (%v)", s.busy, s.closed)
	}
	s.busy = true
}

func (s *memStore) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
}

func (s *memStore) Load(yield func(uint64, []byte) error) error {
	s.enter()
	defer s.leave()
	for _, key := range slices.Sorted(maps.Keys(s.kept)) {
		if err := yield(key, s.kept[key]); err != nil {
			return err
		}
	}
	return nil
}

func (s *memStore) Apply(changes []mqtt.Change) error {
	s.enter()
	defer s.leave()
	s.mu.Lock()
	hold := s.hold
	s.mu.Unlock()
	if hold != nil {
		<-hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.errs) > 0 {
		err := s.errs[0]
		s.errs = s.errs[1:]
		return err
	}
	for _, c := range changes {
		if c.Value == nil {
			delete(s.kept, c.Key)
		} else {
			s.kept[c.Key] = slices.Clone(c.Value)
		}
	}
	return nil
}

func (s *memStore) Close() error {
	s.enter()
	defer s.leave()
	s.closed = true
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened--
	return nil
}

type brokenStore struct{ mqtt.SessionStore }
