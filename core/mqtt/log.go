package mqtt

import (
	"context"
	"log/slog"
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
		c.tell(func() { log.Log(context.Background(), level, message, args...) })
	}
}
