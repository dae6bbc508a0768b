package broker_test

import (
	"fmt"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// line builds the text of a packet, leaving out what has its default value.
type line struct{ strings.Builder }

func (l *line) flag(name string, on bool) {
	if on {
		l.WriteString(" " + name)
	}
}

func (l *line) num(name string, n uint32) {
	if n != 0 {
		fmt.Fprintf(l, " %s=%d", name, n)
	}
}

func (l *line) code(c packet.ReasonCode) {
	if c != 0 {
		fmt.Fprintf(l, " code=0x%02X", byte(c))
	}
}

func (l *line) str(name, v string) {
	if v != "" {
		fmt.Fprintf(l, " %s=%s", name, quote(v))
	}
}

func (l *line) opt(name string, v fmt.Stringer, set bool) {
	if set {
		fmt.Fprintf(l, " %s=%v", name, v)
	}
}

// reason writes a reason string; of one that ends with a clause only that, since the words before it are nobody's business.
func (l *line) reason(v string) {
	if i := strings.LastIndexByte(v, '['); i >= 0 && strings.HasSuffix(v, "]") {
		v = v[i:]
	}
	l.str("reason", v)
}

func (l *line) users(name string, list []packet.UserProperty) {
	if len(list) == 0 {
		return
	}
	var pairs []string
	for _, u := range list {
		pairs = append(pairs, u.Key+":"+u.Value)
	}
	l.str(name, strings.Join(pairs, ","))
}

func (l *line) ack(a *packet.Ack) {
	l.num("id", uint32(a.ID))
	l.code(a.Code)
	l.reason(a.ReasonString)
}

// formatPacket writes a packet from the broker in words.
func formatPacket(p packet.Packet, limits broker.Limits, explicit bool) string {
	l := &line{}
	l.WriteString(p.Type().String())
	switch p := p.(type) {
	case *packet.Connack:
		formatConnack(l, p, limits, explicit)
	case *packet.Publish:
		formatPublish(l, p)
	case *packet.Puback:
		l.ack(&p.Ack)
	case *packet.Pubrec:
		l.ack(&p.Ack)
	case *packet.Pubrel:
		l.ack(&p.Ack)
	case *packet.Pubcomp:
		l.ack(&p.Ack)
	case *packet.Suback:
		formatResults(l, p.ID, p.Codes, p.ReasonString)
	case *packet.Unsuback:
		formatResults(l, p.ID, p.Codes, p.ReasonString)
	case *packet.Disconnect:
		l.code(p.Code)
		l.reason(p.ReasonString)
	case *packet.Auth:
		l.code(p.Code)
		l.str("method", p.Method)
		l.str("data", string(p.Data))
	}
	return l.String()
}

func formatResults(l *line, id uint16, codes []packet.ReasonCode, reason string) {
	l.num("id", uint32(id))
	for _, c := range codes {
		fmt.Fprintf(l, " 0x%02X", byte(c))
	}
	l.reason(reason)
}

// formatConnack leaves the server's ordinary limits out, unless they are what a transcript is about.
func formatConnack(l *line, p *packet.Connack, limits broker.Limits, explicit bool) {
	l.flag("present", p.SessionPresent)
	l.code(p.Code)
	if explicit || p.ReceiveMaximum != limits.ReceiveMaximum {
		l.num("rm", uint32(p.ReceiveMaximum))
	}
	if explicit || p.MaximumPacketSize != limits.MaxPacketSize {
		l.num("maxpacket", p.MaximumPacketSize)
	}
	if explicit || p.TopicAliasMaximum != limits.TopicAliasIn {
		l.num("aliases", uint32(p.TopicAliasMaximum))
	}
	l.opt("expiry", p.SessionExpiry, p.SessionExpiry.IsSet())
	l.opt("qos", p.MaximumQoS, p.MaximumQoS.IsSet())
	l.opt("retain", p.RetainAvailable, p.RetainAvailable.IsSet())
	l.opt("wildcards", p.WildcardAvailable, p.WildcardAvailable.IsSet())
	l.opt("shared", p.SharedAvailable, p.SharedAvailable.IsSet())
	l.opt("subids", p.SubscriptionIDAvailable, p.SubscriptionIDAvailable.IsSet())
	l.opt("keepalive", p.ServerKeepAlive, p.ServerKeepAlive.IsSet())
	l.str("assigned", p.AssignedClientID)
	l.str("response-information", p.ResponseInformation)
	l.str("method", p.AuthMethod)
	l.str("data", string(p.AuthData))
	l.reason(p.ReasonString)
}

func formatPublish(l *line, p *packet.Publish) {
	fmt.Fprintf(l, " %s", quote(p.Topic))
	if len(p.Payload) > 40 {
		l.num("size", uint32(len(p.Payload)))
	} else {
		fmt.Fprintf(l, " %s", quote(string(p.Payload)))
	}
	l.num("qos", uint32(p.QoS))
	l.num("id", uint32(p.ID))
	l.flag("dup", p.Dup)
	l.flag("retain", p.Retain)
	l.flag("utf8", p.PayloadFormat == packet.FormatUTF8)
	l.opt("expiry", p.MessageExpiry, p.MessageExpiry.IsSet())
	l.num("alias", uint32(p.TopicAlias))
	for _, id := range p.SubscriptionIDs {
		l.num("subid", id)
	}
	l.str("type", p.ContentType)
	l.str("response", p.ResponseTopic)
	l.str("correlation", string(p.CorrelationData))
	l.users("prop", p.UserProperties)
}
