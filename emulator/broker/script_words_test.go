package broker_test

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// words are the parts of a packet in a transcript: names with values, flags, and positional ones.
type words struct {
	named map[string]string
	list  []string
	err   error
}

func parseWords(f []string) *words {
	w := &words{named: map[string]string{}}
	for _, s := range f {
		if k, v, ok := strings.Cut(s, "="); ok && !strings.ContainsAny(k, "/+#$:") {
			w.named[k] = unquote(v)
		} else {
			w.list = append(w.list, s)
		}
	}
	return w
}

// flag takes a word without a value out of the list.
func (w *words) flag(name string) bool {
	for i, s := range w.list {
		if s == name {
			w.list = append(w.list[:i:i], w.list[i+1:]...)
			return true
		}
	}
	return false
}

func (w *words) str(name string) string {
	v := w.named[name]
	delete(w.named, name)
	return v
}

func (w *words) num(name string) uint32 {
	v, ok := w.named[name]
	if !ok {
		return 0
	}
	delete(w.named, name)
	n, err := strconv.ParseUint(v, 0, 32)
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("%s: %w", name, err)
	}
	return uint32(n)
}

func (w *words) opt(name string) packet.Opt[uint32] {
	if _, ok := w.named[name]; !ok {
		return packet.Opt[uint32]{}
	}
	return packet.Some(w.num(name))
}

func (w *words) users(name string) []packet.UserProperty {
	v, ok := w.named[name]
	if !ok {
		return nil
	}
	delete(w.named, name)
	var list []packet.UserProperty
	for pair := range strings.SplitSeq(v, ",") {
		k, v, _ := strings.Cut(pair, ":")
		list = append(list, packet.UserProperty{Key: k, Value: v})
	}
	return list
}

// bytes returns nil where the word is absent.
func (w *words) bytes(name string) []byte {
	if _, ok := w.named[name]; !ok {
		return nil
	}
	return []byte(w.str(name))
}

// rest reports words that nobody has asked for.
func (w *words) rest() error {
	if w.err != nil {
		return w.err
	}
	for k := range w.named {
		return fmt.Errorf("unknown word %q", k)
	}
	if len(w.list) > 0 {
		return fmt.Errorf("unknown word %q", w.list[0])
	}
	return nil
}

// appendWords appends the packet that the words describe, or bytes in hexadecimal after "hex".
func appendWords(dst []byte, p *peer, name string, f []string) ([]byte, error) {
	if f[0] == "hex" {
		b, err := hex.DecodeString(strings.Join(f[1:], ""))
		return append(dst, b...), err
	}
	w := parseWords(f[1:])
	var q packet.Packet
	code, id := packet.ReasonCode(w.num("code")), uint16(0)
	if f[0] != "CONNECT" {
		id = uint16(w.num("id"))
	}
	ack := packet.Ack{ID: id, Code: code}
	switch f[0] {
	case "CONNECT":
		c := parseConnect(w, name)
		p.version = c.Version
		p.decoder.Version = c.Version
		q = c
	case "PUBLISH":
		pub, err := parsePublish(f[1:])
		if err != nil {
			return dst, err
		}
		return pub.Append(dst, p.version)
	case "PUBACK":
		q = &packet.Puback{Ack: ack}
	case "PUBREC":
		q = &packet.Pubrec{Ack: ack}
	case "PUBREL":
		q = &packet.Pubrel{Ack: ack}
	case "PUBCOMP":
		q = &packet.Pubcomp{Ack: ack}
	case "SUBSCRIBE":
		s := &packet.Subscribe{ID: id, SubscriptionID: w.num("subid")}
		for _, word := range w.list {
			s.Filters = append(s.Filters, parseFilter(word))
		}
		w.list, q = nil, s
	case "UNSUBSCRIBE":
		q = &packet.Unsubscribe{ID: id, Filters: w.list}
		w.list = nil
	case "PINGREQ":
		q = &packet.Pingreq{}
	case "DISCONNECT":
		q = &packet.Disconnect{Code: code, SessionExpiry: w.opt("expiry")}
	case "AUTH":
		q = &packet.Auth{Code: code, Method: w.str("method"), Data: w.bytes("data")}
	default:
		return dst, fmt.Errorf("unknown packet %q", f[0])
	}
	if err := w.rest(); err != nil {
		return dst, err
	}
	return q.Append(dst, p.version)
}

func parseConnect(w *words, name string) *packet.Connect {
	c := &packet.Connect{Version: packet.V5, CleanStart: true, ClientID: name}
	if w.flag("v3") {
		c.Version = packet.V311
	}
	if w.flag("resume") {
		c.CleanStart = false
	}
	if id, ok := w.named["id"]; ok {
		c.ClientID = id
		delete(w.named, "id")
	}
	c.KeepAlive = uint16(w.num("keepalive"))
	c.SessionExpiry = w.num("expiry")
	c.ReceiveMaximum = uint16(w.num("rm"))
	c.MaximumPacketSize = w.num("maxpacket")
	c.TopicAliasMaximum = uint16(w.num("aliases"))
	c.RequestResponseInformation = w.flag("response-information")
	if w.flag("no-problem-information") {
		c.RequestProblemInformation = packet.Some(false)
	}
	c.AuthMethod, c.AuthData = w.str("method"), w.bytes("data")
	if u, ok := w.named["user"]; ok {
		c.HasUsername, c.Username = true, u
		delete(w.named, "user")
	}
	if pw, ok := w.named["password"]; ok {
		c.HasPassword, c.Password = true, []byte(pw)
		delete(w.named, "password")
	}
	if will, ok := w.named["will"]; ok {
		delete(w.named, "will")
		topic, payload, _ := strings.Cut(will, ":")
		c.Will = &packet.Will{
			Topic: topic, Payload: []byte(payload), QoS: packet.QoS(w.num("willqos")), Retain: w.flag("willretain"),
			DelayInterval: w.num("willdelay"), MessageExpiry: w.opt("willexpiry"), ContentType: w.str("willtype"),
			UserProperties: w.users("willprop"),
		}
	}
	return c
}

// parsePublish reads "topic payload name=value flags".
func parsePublish(f []string) (packet.Publish, error) {
	w := parseWords(f)
	p := packet.Publish{
		Dup: w.flag("dup"), Retain: w.flag("retain"), QoS: packet.QoS(w.num("qos")), ID: uint16(w.num("id")),
		MessageExpiry: w.opt("expiry"), TopicAlias: uint16(w.num("alias")), ContentType: w.str("type"),
		ResponseTopic: w.str("response"), CorrelationData: w.bytes("correlation"), UserProperties: w.users("prop"),
	}
	if w.flag("utf8") {
		p.PayloadFormat = packet.FormatUTF8
	}
	if id := w.num("subid"); id != 0 {
		p.SubscriptionIDs = []uint32{id}
	}
	if n := w.num("size"); n != 0 {
		p.Payload = []byte(strings.Repeat("x", int(n)))
	}
	if len(w.list) > 0 {
		p.Topic = unquote(w.list[0])
		w.list = w.list[1:]
	}
	if len(w.list) > 0 {
		p.Payload = []byte(unquote(w.list[0]))
		w.list = w.list[1:]
	}
	return p, w.rest()
}

// parseFilter reads "filter:qos:option:option".
func parseFilter(word string) packet.Filter {
	parts := strings.Split(word, ":")
	f := packet.Filter{Filter: parts[0]}
	for _, o := range parts[1:] {
		switch o {
		case "1":
			f.QoS = packet.QoS1
		case "2":
			f.QoS = packet.QoS2
		case "no-local":
			f.NoLocal = true
		case "as-published":
			f.RetainAsPublished = true
		case "if-new":
			f.RetainHandling = packet.RetainSendIfNew
		case "do-not-send":
			f.RetainHandling = packet.RetainDoNotSend
		}
	}
	return f
}

func quote(s string) string {
	if s == "" || strings.ContainsAny(s, " \n\"=") {
		return strconv.Quote(s)
	}
	return s
}

func unquote(s string) string {
	if u, err := strconv.Unquote(s); err == nil && strings.HasPrefix(s, `"`) {
		return u
	}
	return s
}
