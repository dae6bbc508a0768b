package jobs

import (
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// maxNotified is how many executions a notification lists.
const maxNotified = 10

// attempt names an execution: the same job retried is another one.
type attempt struct {
	job    string
	number int64
}

func attempts(list []*execution) []attempt {
	ids := make([]attempt, len(list))
	for i, x := range list {
		ids[i] = attempt{x.job.ID, x.number}
	}
	return ids
}

// changing makes a change and returns the notifications that it causes: notify where another set of executions is
// pending, notify-next where another one is first. That the first is started is neither.
func (s *Service) changing(now time.Time, thing string, change func()) (out []service.Message) {
	before := attempts(s.pending(thing))
	change()
	list := s.pending(thing)
	after := attempts(list)
	if !sameSet(before, after) {
		out = append(out, service.Broadcast(prefix(thing)+"notify", service.Encode(notification(now, list))))
	}
	if first(before) != first(after) {
		out = append(out, service.Broadcast(prefix(thing)+"notify-next", service.Encode(nextNotification(now, list))))
	}
	return out
}

func prefix(thing string) string { return "$aws/things/" + thing + "/jobs/" }

func first(list []attempt) attempt {
	if len(list) == 0 {
		return attempt{}
	}
	return list[0]
}

func sameSet(a, b []attempt) bool {
	if len(a) != len(b) {
		return false
	}
	set := make(map[attempt]struct{}, len(a))
	for _, x := range a {
		set[x] = struct{}{}
	}
	for _, x := range b {
		if _, there := set[x]; !there {
			return false
		}
	}
	return true
}

type changed struct {
	Timestamp int64                `json:"timestamp"`
	Jobs      map[Status][]Summary `json:"jobs"`
}

func notification(now time.Time, list []*execution) changed {
	c := changed{now.Unix(), map[Status][]Summary{}}
	for _, x := range list[:min(len(list), maxNotified)] {
		c.Jobs[x.status] = append(c.Jobs[x.status], x.summary())
	}
	return c
}

type nextChanged struct {
	Timestamp int64      `json:"timestamp"`
	Execution *Execution `json:"execution,omitempty"`
}

func nextNotification(now time.Time, list []*execution) nextChanged {
	n := nextChanged{Timestamp: now.Unix()}
	if len(list) > 0 {
		n.Execution = list[0].view(now, true)
		n.Execution.ThingName, n.Execution.StatusDetails = "", nil // the service leaves them out here
	}
	return n
}
