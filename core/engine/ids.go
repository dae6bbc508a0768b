package engine

// idTable gives out packet identifiers and finds the operation that holds one. PUBLISH, SUBSCRIBE and UNSUBSCRIBE
// share it [MQTT-2.2.1-3].
//
// The slot of an identifier is its low bits. Giving out only identifiers whose slot is free makes a lookup one load
// and a compare, with a table no larger than twice what is outstanding.
type idTable struct {
	slots []*Op // length a power of two
	used  int
	next  uint16
}

const (
	minSlots  = 16
	keepSlots = 4096
	maxIDs    = 65535
)

func (t *idTable) get(id uint16) *Op {
	if len(t.slots) == 0 {
		return nil
	}
	if o := t.slots[int(id)&(len(t.slots)-1)]; o != nil && o.id == id {
		return o
	}
	return nil
}

func (t *idTable) full() bool { return t.used >= maxIDs }

// take gives o an unused identifier. The table must not be full.
func (t *idTable) take(o *Op) {
	if t.used*2 >= len(t.slots) && len(t.slots) < maxIDs+1 {
		t.grow()
	}
	for {
		t.next++
		if slot := int(t.next) & (len(t.slots) - 1); t.next != 0 && t.slots[slot] == nil {
			t.slots[slot] = o
			t.used++
			o.id = t.next
			return
		}
	}
}

// put enters an operation that has its identifier already, from a session that is resumed.
func (t *idTable) put(o *Op) {
	for len(t.slots) == 0 || t.slots[int(o.id)&(len(t.slots)-1)] != nil {
		t.grow()
	}
	t.slots[int(o.id)&(len(t.slots)-1)] = o
	t.used++
}

func (t *idTable) grow() {
	old := t.slots
	t.slots = make([]*Op, max(minSlots, 2*len(old)))
	for _, o := range old {
		if o != nil {
			t.slots[int(o.id)&(len(t.slots)-1)] = o
		}
	}
}

// free gives the identifier of o back. The operation's memory may be used again at once.
func (t *idTable) free(o *Op) {
	t.slots[int(o.id)&(len(t.slots)-1)] = nil
	t.used--
	o.id = 0
	if t.used == 0 && len(t.slots) > keepSlots {
		t.slots = nil // after a burst, the memory goes
	}
}

// replace hands the identifier of o to another operation.
func (t *idTable) replace(o, by *Op) {
	by.id = o.id
	t.slots[int(o.id)&(len(t.slots)-1)] = by
	o.id = 0
}
