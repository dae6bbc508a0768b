package broker

import (
	"cmp"
	"errors"
	"math"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// emulated is the emulator with its generic profile.
type emulated struct {
	broker  *Broker
	options Options
	dir     string // of its certificates: it has an authority of its own
	server  *emulator.Server
}

func newEmulator(t testing.TB, b *Broker, o Options) *emulated {
	return &emulated{broker: b, options: o, dir: t.TempDir()}
}

func (e *emulated) start() error {
	if e.server != nil {
		if e.options.Durable {
			return e.server.Restart(emulator.KeepSessions)
		}
		return e.server.Restart(emulator.LoseSessions)
	}
	server, err := emulator.Start(emulator.Options{
		Profile: emulator.Generic, Addr: e.broker.TCP, TLSAddr: e.broker.TLS, RequireClientCert: e.options.ClientCertificates,
		WSAddr: "127.0.0.1:0", WSSAddr: "127.0.0.1:0",
		Limits: broker.Limits{ReceiveMaximum: cmp.Or(e.options.ReceiveMaximum, math.MaxUint16)},
		Hooks:  broker.Hooks{Connect: judgeConnect, Publish: judgePublish, Subscribe: judgeSubscribe},
	})
	if err != nil {
		return err
	}
	e.server = server
	e.broker.WS, e.broker.WSS = server.WSAddr(), server.WSSAddr()
	files, err := server.WriteCerts(e.dir, "client")
	e.broker.CA, e.broker.Cert, e.broker.Key = files.CA, files.Cert, files.Key
	return err
}

func judgeConnect(_ broker.Instant, _ *broker.Client, p *packet.Connect) broker.ConnectDecision {
	if !allowed(p.Username, string(p.Password)) {
		return broker.ConnectDecision{Code: packet.BadUserNameOrPassword, ReasonString: "who are you?"}
	}
	return broker.ConnectDecision{}
}

func judgePublish(_ broker.Instant, _ *broker.Client, p *packet.Publish) broker.PublishDecision {
	if denied(p.Topic) {
		return broker.PublishDecision{Code: packet.NotAuthorized, ReasonString: "nobody may"}
	}
	return broker.PublishDecision{}
}

func judgeSubscribe(_ broker.Instant, _ *broker.Client, f packet.Filter) broker.SubscribeDecision {
	if denied(f.Filter) {
		return broker.SubscribeDecision{Code: packet.NotAuthorized}
	}
	return broker.SubscribeDecision{}
}

func (e *emulated) kill() error {
	if err := e.server.Kill(); !errors.Is(err, emulator.ErrClosed) {
		return err
	}
	return nil
}

// stop is a kill: an emulator that says goodbye does not come back.
func (e *emulated) stop() error { return e.kill() }

func (e *emulated) close() error { return e.server.Close() }

// saved: a kill keeps all it knew.
func (e *emulated) saved(string) (bool, error) { return true, nil }
