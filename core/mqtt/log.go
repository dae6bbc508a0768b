package mqtt

// The attributes of log records.
const (
	logEndpoint = "endpoint"
	logError    = "error"
	logAttempt  = "attempt"
	logWait     = "wait"
	logFilter   = "filter"
)
