package mqtttest

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// A memStore is a store in memory. Its faults are those a store may have; each is off by default.
type memStore struct {
	m      map[uint64][]byte
	closed bool
	faults memFaults
}

type memFaults struct {
	keepsValue     bool // the slice given to Apply
	unordered      bool // descending keys
	emptyDeletes   bool
	emptyIsLost    bool // by reopening
	nilIsEmpty     bool
	firstWins      bool // of the changes to a key in one batch
	shortKeys      bool // 32 bits
	shortValues    bool // 1 MiB
	firstValueOnly bool // of a key, until it is deleted
	worksClosed    bool
	appliesClosed  bool // but returns an error
	hidesYield     bool // the error
	ignoresYield   bool // goes on
	changesArg     bool
	forgets        bool // by reopening
	fewKeys        bool // 4096
	loadOnce       bool
	refusesNothing bool // fails for no changes
}

var errMemClosed = errors.New("store is closed")

func (s *memStore) Load(yield func(key uint64, value []byte) error) error {
	if s.closed && !s.faults.worksClosed {
		return errMemClosed
	}
	keys := slices.Sorted(maps.Keys(s.m))
	if s.faults.unordered {
		slices.Reverse(keys)
	}
	for _, key := range keys {
		if err := yield(key, s.m[key]); err != nil && !s.faults.ignoresYield {
			if s.faults.hidesYield {
				return nil
			}
			return err
		}
	}
	if s.faults.loadOnce {
		clear(s.m)
	}
	return nil
}

func (s *memStore) Apply(changes []mqtt.Change) error {
	if s.faults.refusesNothing && len(changes) == 0 {
		return errors.New("no changes")
	}
	if s.closed && !s.faults.worksClosed && !s.faults.appliesClosed {
		return errMemClosed
	}
	seen := map[uint64]bool{}
	for i, c := range changes {
		s.change(c, seen)
		if s.faults.changesArg {
			changes[i].Value = nil
		}
	}
	if s.closed && s.faults.appliesClosed {
		return errMemClosed
	}
	return nil
}

func (s *memStore) change(c mqtt.Change, seen map[uint64]bool) {
	if s.faults.shortKeys {
		c.Key &= 1<<32 - 1
	}
	if s.faults.firstWins && seen[c.Key] {
		return
	}
	seen[c.Key] = true
	old, exists := s.m[c.Key]
	switch {
	case s.faults.firstValueOnly && exists && c.Value != nil && old != nil:
	case c.Value == nil && !s.faults.nilIsEmpty, len(c.Value) == 0 && s.faults.emptyDeletes:
		delete(s.m, c.Key)
	case s.faults.fewKeys && len(s.m) == 4096:
	case s.faults.keepsValue:
		s.m[c.Key] = c.Value
	default:
		value := append([]byte{}, c.Value...)
		if s.faults.shortValues {
			value = value[:min(len(value), 1<<20)]
		}
		s.m[c.Key] = value
	}
}

func (s *memStore) Close() error {
	s.closed = true
	return nil
}

// memStores are the stores of one test, by folder.
type memStores struct {
	mu    sync.Mutex
	disks map[string]map[uint64][]byte
}

func (m *memStores) open(dir string, faults memFaults) *memStore {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.disks == nil {
		m.disks = map[string]map[uint64][]byte{}
	}
	if m.disks[dir] == nil || faults.forgets {
		m.disks[dir] = map[uint64][]byte{}
	}
	if faults.emptyIsLost {
		maps.DeleteFunc(m.disks[dir], func(_ uint64, value []byte) bool { return len(value) == 0 })
	}
	return &memStore{m: m.disks[dir], faults: faults}
}

func TestSessionStoreOnMemory(t *testing.T) {
	t.Parallel()
	var stores memStores
	TestSessionStore(t, func(_ *testing.T, dir string) mqtt.SessionStore { return stores.open(dir, memFaults{}) })
}

// Each fault is found, by the checks that are about it at least.
func TestSessionStoreFindsFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		faults memFaults
		by     []string
	}{
		"keeps the slice of the caller":   {memFaults{keepsValue: true}, []string{"Aliasing"}},
		"descending":                      {memFaults{unordered: true}, []string{"Order", "Random"}},
		"empty value deletes":             {memFaults{emptyDeletes: true}, []string{"EmptyValue"}},
		"empty value lost":                {memFaults{emptyIsLost: true}, []string{"EmptyValue"}},
		"nil is an empty value":           {memFaults{nilIsEmpty: true}, []string{"Delete", "EmptyValue", "RepeatedKeys"}},
		"first change of a batch counts":  {memFaults{firstWins: true}, []string{"RepeatedKeys"}},
		"keys of 32 bits":                 {memFaults{shortKeys: true}, []string{"Order"}},
		"values of 1 MiB":                 {memFaults{shortValues: true}, []string{"LargeValues"}},
		"never overwrites":                {memFaults{firstValueOnly: true}, []string{"Overwrite", "RepeatedKeys", "Random"}},
		"works after Close":               {memFaults{worksClosed: true}, []string{"Closed"}},
		"changes after Close":             {memFaults{appliesClosed: true}, []string{"Closed"}},
		"hides the error of yield":        {memFaults{hidesYield: true}, []string{"YieldError"}},
		"goes on after an error of yield": {memFaults{ignoresYield: true}, []string{"YieldError"}},
		"changes its argument":            {memFaults{changesArg: true}, []string{"Aliasing"}},
		"forgets":                         {memFaults{forgets: true}, []string{"Reopen", "Random", "Delete"}},
		"few keys":                        {memFaults{fewKeys: true}, []string{"ManyKeys"}},
		"loads once":                      {memFaults{loadOnce: true}, []string{"Reopen", "Aliasing"}},
		"refuses to do nothing":           {memFaults{refusesNothing: true}, []string{"Empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := map[string]bool{}
			for _, check := range storeChecks {
				var stores memStores
				err := check.run(func() mqtt.SessionStore { return stores.open("", c.faults) })
				found[check.name] = err != nil
			}
			for _, want := range c.by {
				if !found[want] {
					t.Errorf("not found by %s; found by %v", want, found)
				}
			}
		})
	}
}
