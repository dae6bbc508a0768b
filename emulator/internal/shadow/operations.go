package shadow

import (
	"maps"
	"slices"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// accepted is the body of the messages about a whole or partial document.
type accepted struct {
	State       map[string]any `json:"state"`
	Metadata    map[string]any `json:"metadata"`
	Version     int64          `json:"version"`
	Timestamp   int64          `json:"timestamp"`
	ClientToken *string        `json:"clientToken,omitempty"`
}

func (s *Service) get(now time.Time, k key, token *string) ([]byte, *Error) {
	if e := s.admit(now, k); e != nil {
		return nil, e
	}
	d := s.docs[k]
	if d == nil {
		return nil, missing(k.thing, k.name)
	}
	state := d.state
	if diff, _ := d.delta(); len(diff) > 0 {
		state = maps.Clone(state)
		state["delta"] = diff
	}
	return service.Encode(accepted{state, d.meta, d.version, now.Unix(), token}), nil
}

func (d *document) delta() (diff, meta map[string]any) {
	want, _ := d.state[desired].(map[string]any)
	have, _ := d.state[reported].(map[string]any)
	stamps, _ := d.meta[desired].(map[string]any)
	return delta(want, have, stamps)
}

// update is an update request from the bytes to the messages. The first message is update/accepted. It returns the
// client token in every case.
func (s *Service) update(now time.Time, k key, payload []byte) (body []byte, out []service.Message, token *string, e *Error) {
	if e := s.admit(now, k); e != nil {
		token, _ := parsePlain(payload)
		return nil, nil, token, e
	}
	u, e := s.parseUpdate(payload)
	if e != nil {
		return nil, nil, u.token, e
	}
	old := s.docs[k]
	current := s.versionOf(now, k)
	if u.version != 0 && u.version != current {
		return nil, nil, u.token, errConflict
	}
	if old == nil && len(s.docs) >= s.limits.Shadows {
		return nil, nil, u.token, errTooMany
	}
	next := s.merged(old, u.sections, now.Unix())
	next.version = current + 1
	if len(service.Encode(next.state)) > s.limits.Size {
		return nil, nil, u.token, errTooLarge
	}
	s.docs[k] = next
	delete(s.graves, k)
	body = u.accepted(next.version, now.Unix())
	return body, s.announce(k, old, next, body, now.Unix(), u.token), u.token, nil
}

// versionOf returns the version that an update would follow: that of the shadow, or of one that was deleted lately.
func (s *Service) versionOf(now time.Time, k key) int64 {
	if d := s.docs[k]; d != nil {
		return d.version
	}
	s.forget(now)
	return s.graves[k].version
}

func (s *Service) merged(old *document, sections map[string]any, now int64) *document {
	if old == nil {
		old = &document{}
	}
	patch := map[string]any{}
	for _, name := range sectionNames {
		if v, there := sections[name]; there {
			patch[name] = v
		}
	}
	d := &document{}
	d.state, d.meta = merge(old.state, old.meta, patch, now, s.limits.KeepEmpty)
	for _, name := range sectionNames { // an empty section is none
		if m, _ := d.state[name].(map[string]any); len(m) == 0 {
			delete(d.state, name)
			delete(d.meta, name)
		}
	}
	return d
}

// accepted echoes what the request carried, nulls included, with the metadata that it has written.
func (u *update) accepted(version, now int64) []byte {
	a := accepted{map[string]any{}, map[string]any{}, version, now, u.token}
	for _, name := range sectionNames {
		if v, there := u.sections[name]; there {
			if a.State[name] = v; v != nil {
				a.Metadata[name] = stamps(v, now)
			}
		}
	}
	return service.Encode(a)
}

// snapshot is a whole document in a documents message.
type snapshot struct {
	State    map[string]any `json:"state"`
	Metadata map[string]any `json:"metadata"`
	Version  int64          `json:"version"`
}

// documents is the body of a documents message. A shadow that was created has no previous document.
type documents struct {
	Previous    *snapshot `json:"previous,omitempty"`
	Current     snapshot  `json:"current"`
	Timestamp   int64     `json:"timestamp"`
	ClientToken *string   `json:"clientToken,omitempty"`
}

type difference struct {
	Version     int64          `json:"version"`
	Timestamp   int64          `json:"timestamp"`
	State       map[string]any `json:"state"`
	Metadata    map[string]any `json:"metadata"`
	ClientToken *string        `json:"clientToken,omitempty"`
}

// announce makes the messages of an update. The delta is that of the whole document, even where the update did not touch
// what differs.
func (s *Service) announce(k key, old, next *document, body []byte, now int64, token *string) []service.Message {
	docs := documents{Current: snapshot{next.state, next.meta, next.version}, Timestamp: now, ClientToken: token}
	if old != nil {
		docs.Previous = &snapshot{old.state, old.meta, old.version}
	}
	out := []service.Message{
		service.Broadcast(k.prefix()+"update/accepted", body),
		service.Broadcast(k.prefix()+"update/documents", service.Encode(docs)),
	}
	if diff, meta := next.delta(); len(diff) > 0 {
		out = append(out, service.Broadcast(k.prefix()+"update/delta",
			service.Encode(difference{next.version, now, diff, meta, token})))
	}
	return out
}

type deletion struct {
	Version     int64   `json:"version"`
	Timestamp   int64   `json:"timestamp"`
	ClientToken *string `json:"clientToken,omitempty"`
}

func (s *Service) remove(now time.Time, k key, token *string) ([]byte, *Error) {
	if e := s.admit(now, k); e != nil {
		return nil, e
	}
	d := s.docs[k]
	if d == nil {
		return nil, missing(k.thing, k.name)
	}
	delete(s.docs, k)
	s.bury(k, d.version, now.Add(versionMemory))
	return service.Encode(deletion{d.version, now.Unix(), token}), nil
}

func (s *Service) bury(k key, version int64, until time.Time) {
	s.graves[k] = grave{version, until}
	s.oldest = append(s.oldest, buried{k, until})
	for len(s.oldest) > 2*s.limits.Shadows { // deleting and creating all day long must not fill the memory
		s.unbury()
	}
}

// forget drops the versions of shadows that were deleted long ago.
func (s *Service) forget(now time.Time) {
	for len(s.oldest) > 0 && !now.Before(s.oldest[0].until) {
		s.unbury()
	}
}

func (s *Service) unbury() {
	b := s.oldest[0]
	s.oldest = s.oldest[1:]
	if g, there := s.graves[b.key]; there && g.until.Equal(b.until) { // not deleted again since
		delete(s.graves, b.key)
	}
}

// Named lists the named shadows of a thing in alphabetical order.
func (s *Service) Named(thing string) []string {
	names := []string{}
	for k := range s.docs {
		if k.thing == thing && k.name != "" {
			names = append(names, k.name)
		}
	}
	slices.Sort(names)
	return names
}
