package wire

// AppendConnect appends a CONNECT with a clean start and no keep alive. A
// receiveMaximum of zero leaves the property out (level 5 only).
func AppendConnect(dst []byte, level byte, clientID string, receiveMaximum uint16) []byte {
	length := 6 + 1 + 1 + 2 + 2 + len(clientID)
	var properties []byte
	if level == V5 {
		properties = []byte{0}
		if receiveMaximum > 0 {
			properties = []byte{3, propReceiveMaximum, byte(receiveMaximum >> 8), byte(receiveMaximum)}
		}
		length += len(properties)
	}
	dst = appendHeader(dst, Connect<<4, length)
	dst = appendString(dst, "MQTT")
	dst = append(dst, level, 0x02, 0, 0)
	dst = append(dst, properties...)
	return appendString(dst, clientID)
}

// AppendConnack appends a CONNACK that accepts a new session.
func AppendConnack(dst []byte, level byte) []byte {
	if level == V5 {
		return append(dst, Connack<<4, 3, 0, 0, 0)
	}
	return append(dst, Connack<<4, 2, 0, 0)
}

// AppendPublish appends a PUBLISH. id is left out at QoS 0.
func AppendPublish(dst []byte, level byte, topic string, payload []byte, qos byte, id uint16) []byte {
	length := 2 + len(topic) + len(payload)
	if qos > 0 {
		length += 2
	}
	if level == V5 {
		length++
	}
	dst = appendHeader(dst, Publish<<4|qos<<1, length)
	dst = appendString(dst, topic)
	if qos > 0 {
		dst = append(dst, byte(id>>8), byte(id))
	}
	if level == V5 {
		dst = append(dst, 0)
	}
	return append(dst, payload...)
}

// AppendSubscribe appends a SUBSCRIBE for one filter.
func AppendSubscribe(dst []byte, level byte, id uint16, filter string, qos byte) []byte {
	length := 2 + 2 + len(filter) + 1
	if level == V5 {
		length++
	}
	dst = appendHeader(dst, Subscribe<<4|2, length)
	dst = append(dst, byte(id>>8), byte(id))
	if level == V5 {
		dst = append(dst, 0)
	}
	return append(appendString(dst, filter), qos)
}

// AppendSuback appends a SUBACK with one code per filter.
func AppendSuback(dst []byte, level byte, id uint16, codes ...byte) []byte {
	length := 2 + len(codes)
	if level == V5 {
		length++
	}
	dst = appendHeader(dst, Suback<<4, length)
	dst = append(dst, byte(id>>8), byte(id))
	if level == V5 {
		dst = append(dst, 0)
	}
	return append(dst, codes...)
}

// AppendAck appends a PUBACK, PUBREC, PUBREL or PUBCOMP that reports success
// in its short form, which is the same at both levels.
func AppendAck(dst []byte, kind byte, id uint16) []byte {
	header := kind << 4
	if kind == Pubrel {
		header |= 2 // [MQTT-3.6.1-1]
	}
	return append(dst, header, 2, byte(id>>8), byte(id))
}
