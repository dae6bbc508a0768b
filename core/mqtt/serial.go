package mqtt

// serial runs a function of the application for each item, in order, on a goroutine that exists only while there are
// items. Its fields are guarded by the client's mutex, except that batch and next belong to the goroutine.
type serial[T any] struct {
	c         *Client
	what      string // the function, for reports of panics
	run       func(T)
	after     func([]T) // called with the batch under the client's mutex; may be nil
	loop      func()    // stored, so that starting it allocates nothing
	in, spare []T
	batch     []T
	next      int
	running   bool
}

func (s *serial[T]) init(c *Client, what string, run func(T)) {
	s.c, s.what, s.run = c, what, run
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
	over := false
	defer func() {
		if !over { // the function has ended this goroutine with runtime.Goexit
			go s.loop()
		}
	}()
	for {
		for !s.each() { // each round but the last ends with a panic
		}
		c.mu.Lock()
		if !s.more() {
			break
		}
		c.mu.Unlock()
	}
	over = true
	s.running = false
	c.exit()
	c.mu.Unlock()
}

// each goes through what is left of the batch. A panic ends it early.
func (s *serial[T]) each() (all bool) {
	defer func() {
		if !all { // also runtime.Goexit, which goes on to end the goroutine
			s.c.panicked(s.what, recover())
		}
	}()
	for s.next < len(s.batch) {
		s.next++
		s.run(s.batch[s.next-1])
	}
	return true
}

// more takes the next batch. c.mu is held.
func (s *serial[T]) more() bool {
	if s.after != nil {
		s.after(s.batch)
	}
	clear(s.batch)
	if s.spare = s.batch[:0]; cap(s.batch) > 4096 {
		s.spare = nil
	}
	s.batch, s.in, s.next = s.in, s.spare, 0
	s.spare = nil
	return len(s.batch) > 0
}
