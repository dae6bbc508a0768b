package jobs_test

import (
	"encoding/json"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/services/jobs"
)

// Whatever the service sends is read or refused, and what is read again from the same bytes is the same.
func FuzzMessages(f *testing.F) {
	f.Add(`{"timestamp":1,"execution":{"jobId":"a","queuedAt":1,"versionNumber":2,"statusDetails":{"a":"b"},"x":1}}`)
	f.Add(`{"jobs":{"QUEUED":[{"jobId":"a","startedAt":1}]}}`)
	f.Add(`{"code":"VersionMismatch","executionState":{"status":"FAILED","versionNumber":3},"timestamp":1.5}`)
	f.Add(`{"timestamp":1e400,"execution":{"approximateSecondsBeforeTimedOut":9223372036854775807}}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, read := range []func() (any, error){
			func() (any, error) { v := new(jobs.NextChanged); return v, json.Unmarshal([]byte(text), v) },
			func() (any, error) { v := new(jobs.Changed); return v, json.Unmarshal([]byte(text), v) },
			func() (any, error) { v := new(jobs.Pending); return v, json.Unmarshal([]byte(text), v) },
			func() (any, error) { v := new(jobs.Updated); return v, json.Unmarshal([]byte(text), v) },
			func() (any, error) { v := new(jobs.Error); return v, json.Unmarshal([]byte(text), v) },
			func() (any, error) { v := new(jobs.Execution); return v, json.Unmarshal([]byte(text), v) },
		} {
			one, err1 := read()
			two, err2 := read()
			if (err1 == nil) != (err2 == nil) {
				t.Fatalf("%v, then %v", err1, err2)
			}
			if e, ok := one.(*jobs.Execution); ok && err1 == nil && (e.TimeLeft < 0 || e.TimeLeft != two.(*jobs.Execution).TimeLeft) {
				t.Errorf("time left %v", e.TimeLeft)
			}
		}
	})
}
