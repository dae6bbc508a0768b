package packet

// Subscribe asks for messages whose topics match its filters.
type Subscribe struct {
	ID      uint16
	Filters []Filter // at least one [MQTT-3.8.3-2]

	// Properties of MQTT 5.
	SubscriptionID uint32 // 1 to 268,435,455; 0 leaves it out
	UserProperties []UserProperty
}

// Filter is one topic filter of a SUBSCRIBE with its options.
type Filter struct {
	Filter string
	QoS    QoS // the highest QoS at which messages are sent to the subscriber

	// Options of MQTT 5.
	NoLocal           bool // the client's own messages are not sent back to it
	RetainAsPublished bool // forwarded messages keep their retain flag
	RetainHandling    RetainHandling
}

// RetainHandling says when a SUBSCRIBE is answered with retained messages.
type RetainHandling byte

// The three ways to handle retained messages.
const (
	RetainSend      RetainHandling = 0 // at every SUBSCRIBE
	RetainSendIfNew RetainHandling = 1 // only where the subscription did not exist
	RetainDoNotSend RetainHandling = 2 // never
)

// Type returns SUBSCRIBE.
func (p *Subscribe) Type() Type { return SUBSCRIBE }

func (f *Filter) options(v Version) byte {
	o := byte(f.QoS & 3)
	if !v.v5() {
		return o
	}
	return o | b2i(f.NoLocal)<<2 | b2i(f.RetainAsPublished)<<3 | byte(f.RetainHandling&3)<<4
}

func (p *Subscribe) size(v Version) (remaining, props int, err error) {
	s := sizer{packet: SUBSCRIBE, n: 2}
	if v.v5() {
		if p.SubscriptionID != 0 {
			s.subscriptionID(p.SubscriptionID)
		}
		s.user(p.UserProperties)
		props = s.n - 2
		s.n += varintSize(props)
	}
	for i := range p.Filters {
		s.string(p.Filters[i].Filter)
		s.n++
	}
	remaining, err = s.total()
	return remaining, props, err
}

// Append appends the packet.
func (p *Subscribe) Append(dst []byte, v Version) ([]byte, error) {
	n, props, err := p.size(v)
	if err != nil {
		return dst, err
	}
	dst = appendHeader(grow(dst, n), byte(SUBSCRIBE)<<4|fixedFlags[SUBSCRIBE], n)
	dst = appendUint16(dst, p.ID)
	if v.v5() {
		dst = appendVarint(dst, props)
		if p.SubscriptionID != 0 {
			dst = appendVarint(append(dst, byte(propSubscriptionID)), int(p.SubscriptionID))
		}
		dst = appendUser(dst, p.UserProperties)
	}
	for i := range p.Filters {
		f := &p.Filters[i]
		dst = append(appendString(dst, f.Filter), f.options(v))
	}
	return dst, nil
}

// Decode sets the packet from a frame.
func (p *Subscribe) Decode(f Frame, d *Decoder) error {
	*p = Subscribe{}
	r := d.open(f, SUBSCRIBE)
	p.ID = r.id()
	if d.v5() {
		props := r.properties(SUBSCRIBE)
		for id := props.next(); id != 0; id = props.next() {
			switch id {
			case propSubscriptionID:
				p.SubscriptionID = props.subscriptionID()
			case propUserProperty:
				p.UserProperties = props.user(p.UserProperties)
			}
		}
		props.close(&r)
	}
	if r.err == nil && len(r.b) == 0 {
		r.fail(protocolError(SUBSCRIBE, "MQTT-3.8.3-2", "no topic filter"))
	}
	p.Filters = make([]Filter, 0, countFields(r.b, 1))
	for r.err == nil && len(r.b) > 0 {
		filter := Filter{Filter: r.filter(SUBSCRIBE)}
		filter.decodeOptions(&r, d)
		p.Filters = append(p.Filters, filter)
	}
	return r.end()
}

func (f *Filter) decodeOptions(r *reader, d *Decoder) {
	o := r.uint8()
	f.QoS = QoS(o & 3)
	switch {
	case r.err != nil:
		return
	case !d.v5():
		if o > byte(QoS2) {
			r.fail(malformed(SUBSCRIBE, "v3:MQTT-3.8.3-4", "the requested QoS is not 0, 1 or 2"))
		}
		return
	case o&0xC0 != 0:
		r.fail(malformed(SUBSCRIBE, "MQTT-3.8.3-5", "reserved subscription options are set"))
		return
	case f.QoS > QoS2:
		r.fail(protocolError(SUBSCRIBE, "3.8.3.1", "the requested QoS is above 2"))
		return
	}
	f.NoLocal, f.RetainAsPublished, f.RetainHandling = o&4 != 0, o&8 != 0, RetainHandling(o>>4&3)
	if f.RetainHandling > RetainDoNotSend {
		r.fail(protocolError(SUBSCRIBE, "3.8.3.1", "the retain handling is 3"))
	}
	if f.NoLocal && IsShared(f.Filter) {
		r.fail(protocolError(SUBSCRIBE, "MQTT-3.8.3-4", "no local on a shared subscription"))
	}
}

// filter reads a topic filter [MQTT-3.8.3-1] [MQTT-3.10.3-1].
func (r *reader) filter(t Type) string {
	s := string(r.binary())
	if r.err == nil {
		if e := checkFilter(t, s, r.strict); e != nil {
			r.fail(e)
		}
	}
	return s
}
