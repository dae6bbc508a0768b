package mqttws

import "sync"

// chunkSize is that of a TLS record: so much is there at a time at most.
const chunkSize = 16 << 10

// chunk is a part of the stream.
type chunk struct {
	data [chunkSize]byte
	n    int
}

// chunks are shared: an idle connection has none.
var chunks = sync.Pool{New: func() any { return new(chunk) }}

func newChunk() *chunk { return chunks.Get().(*chunk) }

func (k *chunk) recycle() {
	k.n = 0
	chunks.Put(k)
}

// inbox is what has arrived and is not yet read: one chunk, to which small frames are added while the reader is busy. So
// a burst costs few changes between goroutines, and memory is bounded.
type inbox struct {
	mu      sync.Mutex
	filled  *chunk
	err     error // what comes after it
	waiting bool  // the reader waits for something to come
	blocked bool  // the writer waits for room

	some chan struct{} // one slot: there is something
	room chan struct{} // one slot: there is room
}

func (b *inbox) init() {
	b.some, b.room = make(chan struct{}, 1), make(chan struct{}, 1)
}

// put adds k, which is used up, or merely copied; then it can be filled again. Neither: there is no room.
func (b *inbox) put(k *chunk) (used, copied bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.filled == nil:
		b.filled, used = k, true
	case b.filled.n+k.n <= chunkSize:
		b.filled.n += copy(b.filled.data[b.filled.n:], k.data[:k.n])
		copied = true
	default:
		b.blocked = true
		return false, false
	}
	b.wake()
	return used, copied
}

// end says that nothing more will come.
func (b *inbox) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
	b.wake()
}

func (b *inbox) wake() {
	if b.waiting {
		b.waiting = false
		b.some <- struct{}{}
	}
}

// take returns what is there, nil where the reader has to wait. After the last chunk comes the error.
func (b *inbox) take(wait bool) (*chunk, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.some: // of a wait that something else has ended
	default:
	}
	if b.filled == nil {
		b.waiting = wait && b.err == nil
		return nil, b.err
	}
	k := b.filled
	b.filled = nil
	if b.blocked {
		b.blocked = false
		b.room <- struct{}{}
	}
	return k, nil
}
