package shadow

import "time"

// window counts the requests of a thing within one second.
type window struct {
	start time.Time
	n     int
}

// maxWindows is for how many things requests are counted at a time.
const maxWindows = 10_000

// throttle counts a request of a thing against the rate.
func (s *Service) throttle(now time.Time, thing string) *Error {
	if s.limits.Rate == 0 {
		return nil
	}
	w := s.rates[thing]
	if w == nil {
		if len(s.rates) >= maxWindows {
			clear(s.rates)
		}
		w = &window{start: now}
		s.rates[thing] = w
	}
	if now.Sub(w.start) >= time.Second {
		*w = window{start: now}
	}
	if w.n >= s.limits.Rate {
		return errTooMany
	}
	w.n++
	return nil
}
