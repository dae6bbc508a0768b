package reqres

import (
	"hash/maphash"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// recent are the latest answers that only their topics told apart. A broker that has not seen the acknowledgement of one
// delivers it again, marked as a duplicate, perhaps when the next request waits on the topic already.
type recent struct {
	seed    maphash.Seed
	answers [32]uint64
	next    int
}

// repeated reports whether an answer is one of them that comes again, and remembers it.
func (r *recent) repeated(m *mqtt.Message) bool {
	if r.next == 0 {
		r.seed = maphash.MakeSeed()
	}
	var h maphash.Hash
	h.SetSeed(r.seed)
	_, _ = h.WriteString(m.Topic)
	_ = h.WriteByte(0)
	_, _ = h.Write(m.Payload)
	sum := h.Sum64()
	if m.Duplicate {
		for i := range min(r.next, len(r.answers)) {
			if r.answers[i] == sum {
				return true
			}
		}
	}
	r.answers[r.next%len(r.answers)] = sum
	r.next++
	return false
}
