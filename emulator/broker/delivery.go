package broker

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// delivery is one message on its way to one session: waiting, or in flight with a packet identifier.
type delivery struct {
	msg        *message
	prev, next *delivery
	group      *group // the shared subscription it was chosen for, nil for others
	ids        []uint32
	sent       ConnID // the connection it was last sent on
	id         uint16
	qos        packet.QoS
	retain     bool
	released   bool // PUBREC has come, PUBREL was sent: the message itself is done with
}

// deliveryList is a doubly linked list, oldest first.
type deliveryList struct {
	first, last *delivery
	n           int
}

func (l *deliveryList) push(d *delivery) {
	d.prev, d.next = l.last, nil
	if l.last == nil {
		l.first = d
	} else {
		l.last.next = d
	}
	l.last = d
	l.n++
}

func (l *deliveryList) remove(d *delivery) {
	if d.prev == nil {
		l.first = d.next
	} else {
		d.prev.next = d.next
	}
	if d.next == nil {
		l.last = d.prev
	} else {
		d.next.prev = d.prev
	}
	d.prev, d.next = nil, nil
	l.n--
}

// maxFree is how many unused deliveries are kept for the next messages.
const maxFree = 4096

func (b *Broker) newDelivery() *delivery {
	d := b.free
	if d == nil {
		return new(delivery)
	}
	b.free, d.next = d.next, nil
	b.freeCount--
	return d
}

func (b *Broker) recycle(d *delivery) {
	*d = delivery{}
	if b.freeCount < maxFree {
		d.next = b.free
		b.free = d
		b.freeCount++
	}
}
