package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

func (a *api) messages() {
	a.add("POST /topics/{topic...}", a.publish, "", "") // Host.Publish asks the policies
	a.add("GET /retainedMessage/{topic...}", a.retained, "GetRetainedMessage", "topic/{topic}")
	a.add("GET /retainedMessage", a.listRetained, "ListRetainedMessages", "*")
	a.add("DELETE /connections/{client...}", a.disconnect, "DeleteConnection", "client/{client}")
}

func (a *api) publish(c *call) (any, error) {
	p := packet.Publish{Topic: c.PathValue("topic"), Payload: c.body, Retain: c.flag("retain")}
	q := c.URL.Query()
	p.ContentType, p.ResponseTopic = q.Get("contentType"), q.Get("responseTopic")
	switch q.Get("qos") {
	case "", "0":
	case "1":
		p.QoS = packet.QoS1
	default:
		return nil, invalid("qos must be 0 or 1")
	}
	if s := q.Get("messageExpiry"); s != "" {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return nil, invalid("messageExpiry must be a number of seconds")
		}
		p.MessageExpiry = packet.Some(uint32(n))
	}
	if err := c.headers(&p); err != nil {
		return nil, err
	}
	if err := p.Validate(packet.V5, false); err != nil {
		return nil, invalid("%v", err)
	}
	if len(p.Payload) > 128<<10 {
		return nil, &problem{413, "RequestEntityTooLargeException", "The payload exceeds the maximum size allowed"}
	}
	if err := a.Host.Publish(c.who, p); err != nil {
		return nil, err
	}
	return object{"message": "OK"}, nil
}

// headers reads the properties of MQTT 5 that have headers.
func (c *call) headers(p *packet.Publish) error {
	switch c.Header.Get("X-Amz-Mqtt5-Payload-Format-Indicator") {
	case "", "UNSPECIFIED_BYTES":
	case "UTF8_DATA":
		p.PayloadFormat = packet.FormatUTF8
	default:
		return invalid("x-amz-mqtt5-payload-format-indicator must be UNSPECIFIED_BYTES or UTF8_DATA")
	}
	if s := c.Header.Get("X-Amz-Mqtt5-Correlation-Data"); s != "" {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return invalid("x-amz-mqtt5-correlation-data must be base64")
		}
		p.CorrelationData = b
	}
	if s := c.Header.Get("X-Amz-Mqtt5-User-Properties"); s != "" {
		text, err := base64.StdEncoding.DecodeString(s)
		var list []map[string]string
		if err != nil || json.Unmarshal(text, &list) != nil {
			return invalid("x-amz-mqtt5-user-properties must be base64 of a JSON list of objects")
		}
		for _, m := range list {
			for _, key := range slices.Sorted(maps.Keys(m)) {
				p.UserProperties = append(p.UserProperties, packet.UserProperty{Key: key, Value: m[key]})
			}
		}
	}
	return nil
}

// retained returns a retained message. When it was stored is not kept.
func (a *api) retained(c *call) (any, error) {
	topic := c.PathValue("topic")
	if packet.CheckTopic(topic) != nil {
		return nil, invalid("%q is not a topic", topic)
	}
	list := a.Host.Retained(topic)
	if len(list) == 0 {
		return nil, &problem{404, "ResourceNotFoundException", "No retained message for topic " + topic}
	}
	p := &list[0]
	o := object{"topic": p.Topic, "payload": p.Payload, "qos": p.QoS}
	if len(p.UserProperties) > 0 {
		list := []object{}
		for _, u := range p.UserProperties {
			list = append(list, object{u.Key: u.Value})
		}
		text, err := json.Marshal(list)
		if err != nil {
			return nil, err
		}
		o["userProperties"] = text
	}
	return o, nil
}

func (a *api) listRetained(c *call) (any, error) {
	var list []object
	for _, p := range a.Host.Retained("#") {
		list = append(list, object{"topic": p.Topic, "payloadSize": len(p.Payload), "qos": p.QoS})
	}
	part, next, err := page(c, list, "maxResults")
	o := object{"retainedTopics": part}
	put(o, "nextToken", next)
	return o, err
}

func (a *api) disconnect(c *call) (any, error) {
	id := c.PathValue("client")
	if !a.Host.Disconnect(id, c.flag("cleanSession"), !c.flag("preventWillMessage")) {
		return nil, &problem{404, "ResourceNotFoundException", "There is no client " + id}
	}
	return nil, nil
}
