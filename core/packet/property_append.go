package packet

// The size of each kind of property, identifier included; absent ones take nothing.

func (s *sizer) user(list []UserProperty) {
	for i := range list {
		s.n++
		s.string(list[i].Key)
		s.string(list[i].Value)
	}
}

func (s *sizer) optString(v string) {
	if v != "" {
		s.n++
		s.string(v)
	}
}

func (s *sizer) optBinary(v []byte) {
	if v != nil {
		s.n++
		s.binary(v)
	}
}

// subscriptionID refuses what a variable byte integer cannot hold, and zero.
func (s *sizer) subscriptionID(id uint32) {
	if (id == 0 || id > maxRemaining) && s.err == nil {
		s.err = protocolError(s.packet, propertySection(s.packet, propSubscriptionID), "subscription identifier is not from 1 to 268,435,455")
	}
	s.n += 1 + varintSize(int(id))
}

func (s *sizer) when(present bool, size int) {
	if present {
		s.n += size
	}
}

// The encoders leave absent properties out. For those without an Opt the zero value is either the default or not
// allowed, so that absent says the same.

func appendUser(dst []byte, list []UserProperty) []byte {
	for i := range list {
		dst = append(dst, byte(propUserProperty))
		dst = appendString(dst, list[i].Key)
		dst = appendString(dst, list[i].Value)
	}
	return dst
}

func appendStringProp(dst []byte, id propertyID, v string) []byte {
	if v == "" {
		return dst
	}
	return appendString(append(dst, byte(id)), v)
}

func appendBinaryProp(dst []byte, id propertyID, v []byte) []byte {
	if v == nil {
		return dst
	}
	return appendBinary(append(dst, byte(id)), v)
}

func appendUint16Prop(dst []byte, id propertyID, v uint16) []byte {
	if v == 0 {
		return dst
	}
	return appendUint16(append(dst, byte(id)), v)
}

func appendUint32Prop(dst []byte, id propertyID, v uint32) []byte {
	if v == 0 {
		return dst
	}
	return append(dst, byte(id), byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}

func appendOptUint32(dst []byte, id propertyID, v Opt[uint32]) []byte {
	if !v.set {
		return dst
	}
	return append(dst, byte(id), byte(v.value>>24), byte(v.value>>16), byte(v.value>>8), byte(v.value))
}

func appendOptBool(dst []byte, id propertyID, v Opt[bool]) []byte {
	if !v.set {
		return dst
	}
	return append(dst, byte(id), b2i(v.value))
}

func b2i(b bool) byte {
	if b {
		return 1
	}
	return 0
}
