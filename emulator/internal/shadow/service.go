package shadow

import (
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// Limits is the type of the public API.
type Limits = iotcore.ShadowLimits

func withDefaults(l Limits) Limits {
	if l.Size == 0 {
		l.Size = 8 << 10
	}
	if l.Depth == 0 {
		l.Depth = 8
	}
	if l.Shadows == 0 {
		l.Shadows = 100_000
	}
	return l
}

// key names a shadow; an empty name means the classic one.
type key struct{ thing, name string }

func (k key) prefix() string {
	if k.name == "" {
		return "$aws/things/" + k.thing + "/shadow/"
	}
	return "$aws/things/" + k.thing + "/shadow/name/" + k.name + "/"
}

// document is a shadow. State and metadata have the same shape; a section that is not there is absent from both. They
// are replaced, never changed.
type document struct {
	state, meta map[string]any
	version     int64
}

// grave remembers the version of a deleted shadow.
type grave struct {
	version int64
	until   time.Time
}

// versionMemory is how long the version of a deleted shadow counts on.
const versionMemory = 48 * time.Hour

// Service holds the shadows. Its calls must not be concurrent.
type Service struct {
	limits Limits
	docs   map[key]*document
	graves map[key]grave
	oldest []buried // in the order of deletion
	rates  map[string]*window
}

// buried is a grave in the order in which they are forgotten.
type buried struct {
	key   key
	until time.Time
}

// New returns a service without shadows.
func New(l Limits) *Service {
	return &Service{limits: withDefaults(l), docs: map[key]*document{}, graves: map[key]grave{}, rates: map[string]*window{}}
}

// Get returns the body of a get/accepted message, without a client token.
func (s *Service) Get(now time.Time, thing, name string) ([]byte, error) {
	body, e := s.get(now, key{thing, name}, nil)
	if e != nil {
		return nil, e
	}
	return body, nil
}

// Update merges an update request into a shadow. It returns the body of the update/accepted message and all messages
// that follow, which others see however the request came.
func (s *Service) Update(now time.Time, thing, name string, payload []byte) ([]byte, []service.Message, error) {
	body, out, _, e := s.update(now, key{thing, name}, payload)
	if e != nil {
		return nil, nil, e
	}
	return body, out, nil
}

// Delete removes a shadow and returns the body of the delete/accepted message.
func (s *Service) Delete(now time.Time, thing, name string) ([]byte, []service.Message, error) {
	k := key{thing, name}
	body, e := s.remove(now, k, nil)
	if e != nil {
		return nil, nil, e
	}
	return body, []service.Message{service.Broadcast(k.prefix()+"delete/accepted", body)}, nil
}

// NextWake reports that the service does nothing by itself.
func (s *Service) NextWake() (time.Time, bool) { return time.Time{}, false }

// Wake does nothing.
func (s *Service) Wake(time.Time) []service.Message { return nil }
