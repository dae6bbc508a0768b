package main

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

// outage pulls the plug, changes everything meanwhile, and sees that both sides agree in the end.
func outage(ctx context.Context, s *story, cloud *emulator.Server, d *device) error {
	connects := d.client.Stats().Connects
	d.network.unplug()
	s.say("unplugged: the cloud wants 30 °C and a second job, the button at the device is pressed")
	if err := desire(cloud, d, `{"target": 30}`); err != nil {
		return err
	}
	if err := order(cloud, d, "firmware-3"); err != nil {
		return err
	}
	pressed := make(chan error, 1)
	go func() { pressed <- d.settings.Change(ctx, func(v *settings) { v.Mode = "heat" }) }()
	if err := await(ctx, func() (bool, error) { return d.settings.Value().Mode == "heat", nil }); err != nil {
		return err
	}

	d.network.plug()
	if err := <-pressed; err != nil {
		return err
	}
	err := d.reported(ctx, cloud, settings{warmest, "heat"})
	if err := s.check(err == nil && d.client.Stats().Connects > connects, "back again: both have mode %q and %v °C, as warm as it gets",
		d.settings.Value().Mode, d.settings.Value().Target); err != nil {
		return err
	}
	return d.finished(ctx, s, cloud, "firmware-3")
}

// network is a cable that can be unplugged.
type network struct {
	mu        sync.Mutex
	unplugged bool
	conns     []net.Conn
}

var errUnplugged = errors.New("the network is unplugged")

// through lets the connections of an endpoint go through the cable.
func (n *network) through(e *mqtt.Endpoint) {
	dial := e.Dial
	e.Dial = func(ctx context.Context) (net.Conn, error) {
		if n.down() {
			return nil, errUnplugged
		}
		conn, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.unplugged {
			return nil, errors.Join(errUnplugged, conn.Close())
		}
		n.conns = append(n.conns, conn)
		return conn, nil
	}
}

func (n *network) down() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.unplugged
}

func (n *network) unplug() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.unplugged = true
	for _, conn := range n.conns {
		conn.Close()
	}
	n.conns = nil
}

func (n *network) plug() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.unplugged = false
}
