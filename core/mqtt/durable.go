package mqtt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// ErrWrongSession says that a store holds the session of another client identifier.
var ErrWrongSession = errors.New("mqtt: the session store belongs to another client identifier")

// load takes what an earlier process has left. A record that cannot be read is reported; the others are not affected.
func (c *Client) load() error {
	if c.store == nil {
		return nil
	}
	err := c.store.Load(func(key uint64, value []byte) error {
		if err := c.engine.Load(key, value); err != nil {
			c.cfg.Logger.Error("stored record is lost", logError, err)
			c.stats.Damaged++
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("mqtt: load the session: %w", err)
	}
	if id := c.engine.StoredClientID(); id != "" && c.cfg.ClientID != "" && id != c.cfg.ClientID {
		return fmt.Errorf("%w: it is of %q, not %q", ErrWrongSession, id, c.cfg.ClientID)
	}
	if n := c.engine.LoadDone(c.now()); n > 0 {
		c.stats.Restored = n
		c.cfg.Logger.Info("session restored", slog.Int("messages", n))
	}
	return nil
}

// delivered reports a message of an earlier process. c.mu is held.
func (c *Client) delivered(o *engine.Op) {
	if f := c.cfg.Trace.Delivered; f != nil {
		topic, err := o.Publish.Topic, o.Err
		c.tell(func() { f(topic, err) })
	}
}

// takeRecords takes what has to be stored. c.mu is held.
func (c *Client) takeRecords() []engine.Record {
	if c.store == nil {
		return nil
	}
	c.unsaved = c.engine.TakeRecords(c.unsaved[:0])
	if len(c.unsaved) > 0 {
		c.batches++
	}
	return c.unsaved
}

// save stores records, and tries again until it can: the bytes that depend on them are not written before. It reports
// whether it could at once; otherwise the connection is over. c.mu is not held.
func (c *Client) save(records []engine.Record) (atOnce bool) {
	for n := 0; ; n++ {
		err := c.store.Apply(records)
		c.mu.Lock()
		c.saving = err
		closed := c.state == StateClosed
		if err == nil {
			clear(c.unsaved)
			c.saved = c.batches
			if c.savedMore != nil {
				close(c.savedMore)
				c.savedMore = nil
			}
		} else if n == 0 || closed {
			c.stats.StoreFailures++
			c.logLater(slog.LevelError, "session store failed", logError, err)
			if f := c.cfg.Trace.StoreFailed; f != nil {
				c.tell(func() { f(err) })
			}
		}
		l := c.link
		c.mu.Unlock()
		if err == nil {
			return n == 0
		}
		if l != nil {
			l.conn.Close()
		}
		if closed && n >= lastSaves {
			return false // what could not be saved is lost with the process
		}
		t := time.NewTimer(c.cfg.Reconnect.wait(min(n, 3)))
		select {
		case <-t.C:
		case <-c.ctx.Done():
		}
		t.Stop()
	}
}

// lastSaves is how often a store is asked again once the client is closed.
const lastSaves = 3

// storeError returns why the store cannot save, nil where it can.
func (c *Client) storeError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.saving == nil {
		return nil
	}
	return fmt.Errorf("mqtt: the session store cannot save: %w", c.saving)
}

// closeStore runs when no other goroutine uses the store any more.
func (c *Client) closeStore() {
	err := c.store.Close()
	c.mu.Lock()
	if err != nil {
		c.logLater(slog.LevelError, "session store was not closed properly", logError, err)
	}
	c.store = nil
	c.exitIO()
	c.mu.Unlock()
}

// Enqueue hands a message at QoS 1 or 2 over for delivery, and returns when it is safe with the client: stored, where
// [Config.Session] is set, so that it survives the process; in the queue, where it is not. [Trace.Delivered] tells what
// becomes of it. It waits for room in the queue as long as ctx allows. When ctx ends first the message may or may not
// be delivered.
func (c *Client) Enqueue(ctx context.Context, p Publish) error {
	c.mu.Lock()
	k := c.asyncCall()
	k.fill(&p)
	k.detached, k.queued = true, true
	if p.QoS == packet.QoS0 {
		defer k.recycle()
		c.mu.Unlock()
		return k.failure(errQueueQoS0, false)
	}
	if err := c.submit(ctx, k); err != nil {
		c.mu.Unlock()
		err = k.failure(err, false)
		k.recycle()
		return err
	}
	c.settle()
	if err := c.awaitSaved(ctx); err != nil {
		c.mu.Unlock()
		return &OpError{Op: "publish", Topic: p.Topic, Sent: true, Err: err}
	}
	c.mu.Unlock()
	return nil
}

var errQueueQoS0 = errors.New("mqtt: only messages at QoS 1 and 2 are stored")

// awaitSaved waits until everything that is to be stored now has been. c.mu is held, and given up while waiting.
func (c *Client) awaitSaved(ctx context.Context) error {
	want := c.batches // perhaps being stored
	if c.store != nil && c.engine.HasRecords() {
		want++ // what is in the engine goes with the next batch
	}
	for c.saved < want {
		if c.savedMore == nil {
			c.savedMore = make(chan struct{})
		}
		more := c.savedMore
		c.mu.Unlock()
		var err error
		select {
		case <-more:
		case <-ctx.Done():
			err = ctx.Err()
		case <-c.offline: // perhaps right after it was stored
			err = ErrClosed
		}
		c.mu.Lock()
		if err != nil && c.saved < want {
			return err
		}
	}
	return nil
}
