package engine

import "iter"

// held2 is what is known of an inbound QoS 2 message between its PUBLISH and its PUBREL; zero: nothing.
type held2 uint8

const (
	held2Owned   held2 = 1 << iota // taken for good: a repetition is not delivered [MQTT-4.3.3-10]
	held2Refused                   // the application refuses it, and the PUBREC that says so is still to be sent
	held2Here                      // seen on this connection, where it counts against our receive maximum
	held2Due                       // a PUBREC is owed on this connection
	held2Lent                      // the application has it since an earlier connection, and has not acknowledged it
	held2Doubted                   // perhaps it belongs to a session that the broker has lost
)

// heldTable finds a held message by its identifier. It takes memory in pages, so that few messages need little, and
// hands them out in the order of their identifiers.
type heldTable struct {
	pages *[256]*[256]held2
	n     int // messages
	used  int // pages
}

// keepPages is how many pages an empty table holds on to.
const keepPages = 4

func (t *heldTable) get(id uint16) held2 {
	if t.pages == nil || t.pages[id>>8] == nil {
		return 0
	}
	return t.pages[id>>8][id&0xFF]
}

// set notes what is known of a message, and forgets it where that is nothing.
func (t *heldTable) set(id uint16, h held2) {
	if t.pages == nil {
		t.pages = new([256]*[256]held2)
	}
	page := t.pages[id>>8]
	if page == nil {
		page = new([256]held2)
		t.pages[id>>8] = page
		t.used++
	}
	switch old := page[id&0xFF]; {
	case old == 0 && h != 0:
		t.n++
	case old != 0 && h == 0:
		t.n--
	}
	if page[id&0xFF] = h; t.n == 0 && t.used > keepPages {
		*t = heldTable{} // after a burst, the memory goes
	}
}

// all yields every message; the one that is yielded may be set.
func (t *heldTable) all() iter.Seq2[uint16, held2] {
	return func(yield func(uint16, held2) bool) {
		for i := 0; t.pages != nil && i < len(t.pages); i++ {
			page := t.pages[i]
			for j := 0; page != nil && j < len(page); j++ {
				if h := page[j]; h != 0 && !yield(uint16(i<<8|j), h) {
					return
				}
			}
		}
	}
}
