package iothub

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

const desiredPrefix = "$iothub/twin/PATCH/properties/desired/"

// Desired is what the cloud wants of the device.
type Desired struct {
	Properties
	// Whole says that it is the whole document, as at first, and where changes were missed; otherwise it is a JSON merge
	// patch on what was there, in which null removes a property.
	Whole bool
}

// watch is one watcher of desired properties. Its handler runs where the client runs handlers and trace functions, which
// may block, and whose panics it takes care of.
type watch struct {
	d      *Device
	ctx    context.Context
	handle func(Desired)

	mu      sync.Mutex // held while the handler runs: changes wait their turn
	told    bool
	version int64 // of what was told last
}

// WatchDesired tells handle the desired properties, and every change of them, in order: none is missed, none comes twice,
// and an older one never follows a newer one. Changes that are made while the device is away are not told by the hub, so
// the document is read again after every reconnect, and told if it is another. It returns once the first was told; the
// watch ends with its context.
func (d *Device) WatchDesired(ctx context.Context, handle func(Desired)) error {
	if handle == nil {
		return errors.New("iothub: watch desired: no handler")
	}
	w := &watch{d: d, ctx: ctx, handle: handle}
	s, err := d.client.SubscribeFunc(ctx, w.patched, mqtt.Filter{Filter: desiredPrefix + "#", QoS: 1})
	if err != nil {
		return err
	}
	if err := w.first(); err != nil {
		go leave(s)
		return err
	}
	stop := d.client.Watch(&mqtt.Trace{Connected: func(mqtt.Session) { w.again() }})
	context.AfterFunc(ctx, func() {
		stop()
		leave(s)
	})
	return nil
}

func leave(s *mqtt.Subscription) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	_ = s.Close(ctx)
}

// patched takes a change: ?$version={version}.
func (w *watch) patched(m mqtt.Message) {
	_, query, _ := strings.Cut(m.Topic, "?")
	values, err := url.ParseQuery(query)
	version, bad := strconv.ParseInt(values.Get("$version"), 10, 64)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case !w.told || w.ctx.Err() != nil: // the first document has it, or it is over
	case err != nil || bad != nil || version > w.version+1: // one is missing
		w.read()
	case version == w.version+1:
		w.version = version
		w.handle(Desired{Properties: Properties{JSON: m.Payload, Version: version}})
	}
}

// first tells the document for the first time.
func (w *watch) first() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, err := w.d.Twin(w.ctx)
	if err == nil {
		w.tell(t)
	}
	return err
}

// again reads the document after a reconnect.
func (w *watch) again() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.read()
}

// read reads the document until that succeeds, and tells it if it is another. w.mu is held.
func (w *watch) read() {
	for wait := time.Second; w.ctx.Err() == nil; wait = min(2*wait, time.Minute) {
		t, err := w.d.Twin(w.ctx)
		if err == nil {
			if t.Desired.Version != w.version {
				w.tell(t)
			}
			return
		}
		retry := time.NewTimer(wait)
		select {
		case <-retry.C:
		case <-w.ctx.Done():
		}
		retry.Stop()
		if w.d.client.State() == mqtt.StateClosed {
			return
		}
	}
}

func (w *watch) tell(t Twin) {
	w.told, w.version = true, t.Desired.Version
	w.handle(Desired{Properties: t.Desired, Whole: true})
}
