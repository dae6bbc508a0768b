package mqtt

// serial runs a function for each item, in order, on a goroutine that exists only while there are items. Its fields
// are guarded by the client's mutex.
type serial[T any] struct {
	c         *Client
	run       func(T)
	after     func([]T) // called with the batch under the client's mutex; may be nil
	loop      func()    // stored, so that starting it allocates nothing
	in, spare []T
	running   bool
}

func (s *serial[T]) init(c *Client, run func(T)) {
	s.c, s.run = c, run
	s.loop = s.work
}

func (s *serial[T]) add(item T) {
	s.in = append(s.in, item)
	if !s.running {
		s.running = true
		s.c.spawn(s.loop)
	}
}

func (s *serial[T]) work() {
	c := s.c
	c.mu.Lock()
	for len(s.in) > 0 {
		batch := s.in
		s.in = s.spare[:0]
		c.mu.Unlock()
		for _, item := range batch {
			s.run(item)
		}
		c.mu.Lock()
		if s.after != nil {
			s.after(batch)
		}
		clear(batch)
		if s.spare = batch; cap(batch) > 4096 {
			s.spare = nil
		}
	}
	s.running = false
	c.exit()
	c.mu.Unlock()
}
