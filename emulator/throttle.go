package emulator

import "time"

// throttle holds one direction of a connection to a rate, as AWS IoT Core delays what is beyond its throughput. The zero
// value lets everything pass.
type throttle struct {
	rate int       // bytes in a second; 0: no limit
	next time.Time // when the rate would have let through what has passed
}

// burst is how much of the time that nothing has passed counts: what is sent now and then is not delayed.
const burst = time.Second

// piece returns how many bytes may pass at once, so that no wait is longer than an eighth of a second, or than one byte
// takes: whoever ends the connection waits for the one that waits here.
func (t *throttle) piece(most int) int {
	if t.rate <= 0 {
		return most
	}
	return min(most, max(1, t.rate/8))
}

// pass counts bytes that have passed, and waits until more may.
func (t *throttle) pass(n int) {
	if t.rate <= 0 || n <= 0 {
		return
	}
	now := time.Now()
	if earliest := now.Add(-burst); t.next.Before(earliest) {
		t.next = earliest
	}
	t.next = t.next.Add(time.Duration(n) * time.Second / time.Duration(t.rate))
	time.Sleep(t.next.Sub(now))
}

// throughput is how many bytes may pass each way of a connection in a second; 0 means any number.
func (s *Server) throughput() int {
	if s.cloud == nil {
		return 0
	}
	return max(0, s.opts.IoT.WithDefaults().Quotas.Throughput)
}
