package emulator

import (
	"errors"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// InjectConnectionFault makes connections fail in a way, until remove is called or the fault has happened often enough.
func (s *Server) InjectConnectionFault(f iotcore.ConnectionFault) (remove func(), err error) {
	if s.cloud == nil {
		return nil, ErrNotAWS
	}
	if f.On < iotcore.OnPublish || f.On > iotcore.OnUpgrade || f.Skip < 0 || f.Times < 0 || f.DelayAck < 0 ||
		f.Status != 0 && (f.Status < 400 || f.Status > 599) {
		return nil, fmt.Errorf("emulator: %+v is not a fault", f)
	}
	id := 0
	err = s.do(func(broker.Instant) (err error) {
		var ok bool
		if id, ok = s.cloud.gate.AddFault(f); !ok {
			return errors.New("emulator: too many faults")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return func() {
		_ = s.do(func(broker.Instant) error { s.cloud.gate.RemoveFault(id); return nil }) // else there is none left
	}, nil
}

// Redeliver sends a client once more what it has not acknowledged, as the service does from time to time: on the same
// connection, and without saying that it is a repetition.
func (s *Server) Redeliver(clientID string) error {
	return s.do(func(now broker.Instant) error { return s.core.Redeliver(now, clientID) })
}
