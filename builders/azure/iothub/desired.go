package iothub

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
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

	turn chan struct{} // one slot, taken while the handler runs or the hub is asked: changes wait for it

	// Guarded by turn.
	told    bool
	version int64 // of what was told last
}

// enter waits for the turn, and reports whether it came before the watch was over.
func (w *watch) enter() bool {
	select {
	case w.turn <- struct{}{}:
		if w.ctx.Err() == nil {
			return true
		}
		w.leave()
		return false
	case <-w.ctx.Done():
		return false
	}
}

func (w *watch) leave() { <-w.turn }

// WatchDesired tells handle the desired properties, and every change of them, in order: none is missed, none comes twice,
// and an older one never follows a newer one, unless the twin was deleted with its device and made anew. Changes that are made while the device is away are not told by the hub, so
// the document is read again after every reconnect, and told if it is another. It returns once the first was told; the
// watch ends with its context.
func (d *Device) WatchDesired(ctx context.Context, handle func(Desired)) error {
	if handle == nil {
		return errors.New("iothub: watch desired: no handler")
	}
	w := &watch{d: d, ctx: ctx, handle: handle, turn: make(chan struct{}, 1)}
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
	if !w.enter() {
		return
	}
	defer w.leave()
	switch {
	case !w.told: // the first document has it
	case err != nil || bad != nil || version > w.version+1: // one is missing
		w.read(max(version, w.version))
	case version == w.version+1:
		w.version = version
		w.handle(Desired{Properties: Properties{JSON: m.Payload, Version: version}})
	}
}

// first tells the document for the first time.
func (w *watch) first() error {
	if !w.enter() {
		return fmt.Errorf("iothub: watch desired: %w", w.ctx.Err())
	}
	defer w.leave()
	t, err := w.d.Twin(w.ctx)
	if err == nil {
		w.tell(t)
	}
	return err
}

// staleAnswers is how often an answer that is older than what is known is asked for again. Whoever still gets one then
// has another twin, as where a device was deleted and made anew.
const staleAnswers = 5

// again reads the document after a reconnect.
func (w *watch) again() {
	if w.enter() {
		defer w.leave()
		w.read(w.version)
	}
}

// read reads the document until that succeeds, and tells it if it is another. known is the newest version that the hub has
// told of. It is called in turn.
func (w *watch) read(known int64) {
	stale := 0
	for wait := time.Second; w.ctx.Err() == nil; wait = min(2*wait, time.Minute) {
		t, err := w.twin()
		if err == nil && t.Desired.Version < known && stale < staleAnswers {
			stale++
		} else if err == nil {
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

// twin reads the document, within the time of one request, however long the watch may last.
func (w *watch) twin() (Twin, error) {
	ctx, cancel := context.WithTimeout(w.ctx, requestTimeout)
	defer cancel()
	return w.d.Twin(ctx)
}

func (w *watch) tell(t Twin) {
	w.told, w.version = true, t.Desired.Version
	w.handle(Desired{Properties: t.Desired, Whole: true})
}
