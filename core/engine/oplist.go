package engine

// opList is a doubly linked list threaded through the operations themselves: no allocation, removal anywhere.
type opList struct {
	head, tail *Op
	n          int
}

func (l *opList) pushBack(o *Op) {
	o.list, o.prev, o.next = l, l.tail, nil
	if l.tail == nil {
		l.head = o
	} else {
		l.tail.next = o
	}
	l.tail = o
	l.n++
}

// merge puts the operations of from among those of l, by their submission. Both lists are in that order.
func (l *opList) merge(from *opList) {
	at := l.head
	for o := from.pop(); o != nil; o = from.pop() {
		for at != nil && at.seq < o.seq {
			at = at.next
		}
		if at == nil {
			l.pushBack(o)
			continue
		}
		o.list, o.prev, o.next = l, at.prev, at
		if at.prev == nil {
			l.head = o
		} else {
			at.prev.next = o
		}
		at.prev = o
		l.n++
	}
}

func (l *opList) remove(o *Op) {
	if o.prev == nil {
		l.head = o.next
	} else {
		o.prev.next = o.next
	}
	if o.next == nil {
		l.tail = o.prev
	} else {
		o.next.prev = o.prev
	}
	o.list, o.prev, o.next = nil, nil, nil
	l.n--
}

func (l *opList) pop() *Op {
	o := l.head
	if o != nil {
		l.remove(o)
	}
	return o
}
