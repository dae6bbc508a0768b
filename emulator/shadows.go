package emulator

import (
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// Shadow returns a shadow as the service's get request does: state with its delta, metadata, version. An empty name means
// the classic shadow. Errors are [*iotcore.Error], with code 404 where there is no shadow.
func (s *Server) Shadow(thing, name string) (document []byte, err error) {
	err = s.ask(func(now time.Time, v *services) ([]service.Message, error) {
		var err error
		document, err = v.shadow.Get(now, thing, name)
		return nil, err
	})
	return document, err
}

// UpdateShadow makes an update request for a shadow, such as {"state":{"desired":{"color":"red"}}}, and returns what the
// service answers. Devices get the messages that follow. The thing need not be registered.
func (s *Server) UpdateShadow(thing, name string, request []byte) (accepted []byte, err error) {
	err = s.ask(func(now time.Time, v *services) (out []service.Message, err error) {
		accepted, out, err = v.shadow.Update(now, thing, name, request)
		return out, err
	})
	return accepted, err
}

// DeleteShadow deletes a shadow. Its version counts on for 48 hours.
func (s *Server) DeleteShadow(thing, name string) error {
	return s.ask(func(now time.Time, v *services) ([]service.Message, error) {
		_, out, err := v.shadow.Delete(now, thing, name)
		return out, err
	})
}

// NamedShadows lists the named shadows of a thing.
func (s *Server) NamedShadows(thing string) (names []string, err error) {
	err = s.ask(func(_ time.Time, v *services) ([]service.Message, error) {
		names = v.shadow.Named(thing)
		return nil, nil
	})
	return names, err
}
