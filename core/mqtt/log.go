package mqtt

import (
	"context"
	"log/slog"
	"runtime/debug"
)

// The attributes of log records.
const (
	logEndpoint = "endpoint"
	logError    = "error"
	logAttempt  = "attempt"
	logWait     = "wait"
	logFilter   = "filter"

	logClientID       = "client_id"
	logSessionPresent = "session_present"
)

// maxTold bounds what waits for a trace function or a log handler that blocks; what comes on top is left out, and
// counted.
const maxTold = 4096

// tell queues a call of the application's trace functions, which run one at a time and in order. c.mu is held.
func (c *Client) tell(f func()) {
	if len(c.tracer.in) >= maxTold {
		c.stats.Untold++
		return
	}
	c.tracer.add(f)
}

// logLater logs where the lock is held and nothing may block. c.mu is held.
func (c *Client) logLater(level slog.Level, message string, args ...any) {
	if log := c.cfg.Logger; log.Handler() != slog.DiscardHandler {
		c.tell(func() {
			defer func() {
				if recover() != nil { // not even that can be logged
					c.mu.Lock()
					c.stats.Panics++
					c.mu.Unlock()
				}
			}()
			log.Log(context.Background(), level, message, args...)
		})
	}
}

// panicked reports a panic of the application's code, nil where that ended its goroutine with runtime.Goexit.
func (c *Client) panicked(what string, v any) {
	stack := debug.Stack()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Panics++
	if f := c.cfg.Trace.HandlerPanic; f != nil && what != traceFunction {
		c.tell(func() { f(v, stack) })
	}
	c.logLater(slog.LevelError, what+" panicked", "panic", v, "stack", string(stack))
}

// traceFunction panics are not traced: the function that would be told may be the one that panics.
const traceFunction = "trace function"
