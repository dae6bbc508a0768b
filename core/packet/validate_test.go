package packet

import (
	"strings"
	"testing"
)

type validator interface {
	Packet
	Validate(v Version, strict bool) error
}

const long = 65536 // one byte more than a string or binary data may have

var (
	tooLongText = strings.Repeat("x", long)
	longestText = tooLongText[1:]
	illFormed   = "a\xff"
	withNull    = "a\x00"
	control     = "a\x1b"
)

// A validation is a packet and the rule that it breaks; without a clause it breaks none.
type validation struct {
	name   string
	packet validator
	clause string
	code   ReasonCode
}

// checkValidations runs a table for one version. A packet without a fault must also be writable and readable.
func checkValidations(t *testing.T, v Version, table []validation) {
	t.Helper()
	for _, c := range table {
		err := c.packet.Validate(v, false)
		if c.clause != "" {
			expectError(t, err, c.code, c.clause, v.String()+": "+c.name)
			continue
		}
		if err != nil {
			t.Errorf("%v: %s: %v", v, c.name, err)
			continue
		}
		wire, err := c.packet.Append(nil, v)
		if err != nil {
			t.Errorf("%v: %s: accepted, but not written: %v", v, c.name, err)
			continue
		}
		f, n, err := ScanFrame(wire, 0)
		if err != nil || n != len(wire) {
			t.Errorf("%v: %s: accepted, but written as %d of %d bytes: %v", v, c.name, n, len(wire), err)
		} else if _, err := (&Decoder{Version: v}).Decode(f); err != nil {
			t.Errorf("%v: %s: accepted, but not readable: %v", v, c.name, err)
		}
	}
}

// Conformance: MQTT-3.3.1-2, MQTT-3.3.1-4, MQTT-3.3.2-1, MQTT-3.3.2-2, MQTT-3.3.2-8, MQTT-3.3.2-13, MQTT-3.3.2-14
// Conformance: MQTT-3.3.2-19, MQTT-3.3.4-6, MQTT-4.7.0-1, MQTT-4.7.3-1, MQTT-4.7.3-2, MQTT-4.7.3-3, MQTT-1.5.4-1
// Conformance: MQTT-1.5.4-2, MQTT-1.5.7-1
func TestValidatePublish(t *testing.T) {
	t.Parallel()
	pair := func(k, v string) []UserProperty { return []UserProperty{{"k", "v"}, {k, v}} }
	checkValidations(t, V5, []validation{
		{"plain", &Publish{Topic: "a/b", Payload: []byte("x")}, "", 0},
		{"empty payload", &Publish{Topic: "/", Retain: true}, "", 0},
		{"QoS 2 again", &Publish{Topic: "a", QoS: 2, Dup: true, ID: 1}, "", 0},
		{"everything", &Publish{Topic: "a", QoS: 1, ID: 1, PayloadFormat: FormatUTF8, Payload: []byte("é\x00"), MessageExpiry: Some[uint32](0),
			TopicAlias: 1, ResponseTopic: "r", CorrelationData: []byte{0xFF}, ContentType: "c", UserProperties: pair("", "")}, "", 0},
		{"alias instead of the topic", &Publish{TopicAlias: 65535}, "", 0},
		{"longest fields", &Publish{Topic: longestText, ResponseTopic: longestText, ContentType: longestText,
			CorrelationData: []byte(longestText), UserProperties: pair(longestText, longestText)}, "", 0},
		{"control characters are let pass", &Publish{Topic: control, ContentType: control}, "", 0},
		{"bytes that are no text", &Publish{Topic: "a", Payload: []byte(illFormed)}, "", 0},

		{"QoS 3", &Publish{Topic: "a", QoS: 3}, "MQTT-3.3.1-4", MalformedPacket},
		{"QoS 4 would be written as 0", &Publish{Topic: "a", QoS: 4}, "MQTT-3.3.1-4", MalformedPacket},
		{"DUP at QoS 0", &Publish{Topic: "a", Dup: true}, "MQTT-3.3.1-2", MalformedPacket},
		{"no topic", &Publish{}, "MQTT-4.7.3-1", ProtocolError},
		{"topic with +", &Publish{Topic: "a/+"}, "MQTT-3.3.2-2", MalformedPacket},
		{"topic with #", &Publish{Topic: "#"}, "MQTT-3.3.2-2", MalformedPacket},
		{"long topic", &Publish{Topic: tooLongText}, "MQTT-4.7.3-3", MalformedPacket},
		{"topic that is no text", &Publish{Topic: illFormed}, "MQTT-1.5.4-1", MalformedPacket},
		{"topic with a surrogate", &Publish{Topic: "\xed\xa0\x80"}, "MQTT-1.5.4-1", MalformedPacket},
		{"topic with U+0000", &Publish{Topic: withNull}, "MQTT-1.5.4-2", MalformedPacket},
		{"a wrong topic beside an alias", &Publish{Topic: "#", TopicAlias: 1}, "MQTT-3.3.2-2", MalformedPacket},
		{"payload format 2", &Publish{Topic: "a", PayloadFormat: 2}, "3.3.2.3.2", ProtocolError},
		{"payload not as marked", &Publish{Topic: "a", PayloadFormat: FormatUTF8, Payload: []byte(illFormed)}, "3.3.2.3.2", PayloadFormatInvalid},
		{"response topic with a wildcard", &Publish{Topic: "a", ResponseTopic: "r/#"}, "MQTT-3.3.2-14", ProtocolError},
		{"response topic that is no text", &Publish{Topic: "a", ResponseTopic: illFormed}, "MQTT-1.5.4-1", MalformedPacket},
		{"long response topic", &Publish{Topic: "a", ResponseTopic: tooLongText}, "1.5.4", MalformedPacket},
		{"content type that is no text", &Publish{Topic: "a", ContentType: illFormed}, "MQTT-1.5.4-1", MalformedPacket},
		{"long content type", &Publish{Topic: "a", ContentType: tooLongText}, "1.5.4", MalformedPacket},
		{"long correlation data", &Publish{Topic: "a", CorrelationData: make([]byte, long)}, "1.5.6", MalformedPacket},
		{"subscription identifier", &Publish{Topic: "a", SubscriptionIDs: []uint32{1}}, "MQTT-3.3.4-6", ProtocolError},
		{"user property name", &Publish{Topic: "a", UserProperties: pair(illFormed, "v")}, "MQTT-1.5.4-1", MalformedPacket},
		{"user property value", &Publish{Topic: "a", UserProperties: pair("k", withNull)}, "MQTT-1.5.4-2", MalformedPacket},
		{"long user property value", &Publish{Topic: "a", UserProperties: pair("k", tooLongText)}, "1.5.4", MalformedPacket},
		{"no packet is this long", &Publish{Topic: "a", Payload: make([]byte, maxRemaining-3)}, "2.1.4", PacketTooLarge},
	})
	checkValidations(t, V311, []validation{
		{"plain", &Publish{Topic: "a/b", Payload: []byte("x"), QoS: 1, ID: 1}, "", 0},
		{"the properties of MQTT 5 are not sent", &Publish{Topic: "a", PayloadFormat: 7, ResponseTopic: "#", ContentType: illFormed,
			SubscriptionIDs: []uint32{0}, CorrelationData: make([]byte, long), UserProperties: pair(illFormed, "")}, "", 0},
		{"no topic", &Publish{TopicAlias: 1}, "MQTT-4.7.3-1", ProtocolError},
		{"QoS 3", &Publish{Topic: "a", QoS: 3}, "MQTT-3.3.1-4", MalformedPacket},
		{"DUP at QoS 0", &Publish{Topic: "a", Dup: true}, "MQTT-3.3.1-2", MalformedPacket},
		{"topic with +", &Publish{Topic: "+"}, "MQTT-3.3.2-2", MalformedPacket},
		{"topic with U+0000", &Publish{Topic: withNull}, "MQTT-1.5.4-2", MalformedPacket},
	})
}

// Conformance: MQTT-3.8.3-1, MQTT-3.8.3-2, MQTT-3.8.3-4, MQTT-3.8.3-5, MQTT-3.10.3-1, MQTT-3.10.3-2, MQTT-4.7.1-1
// Conformance: MQTT-4.7.1-2, MQTT-4.7.3-1, MQTT-4.7.3-2, MQTT-4.7.3-3, MQTT-4.8.2-1, MQTT-4.8.2-2
// Conformance: v3:MQTT-3.8.3-1, v3:MQTT-3.8.3-3, v3:MQTT-3.8.3-4, v3:MQTT-3.10.3-1, v3:MQTT-3.10.3-2
func TestValidateSubscriptions(t *testing.T) {
	t.Parallel()
	one := func(f Filter) *Subscribe { return &Subscribe{ID: 1, Filters: []Filter{{Filter: "ok"}, f}} }
	user := []UserProperty{{illFormed, ""}}
	checkValidations(t, V5, []validation{
		{"one filter", &Subscribe{ID: 1, Filters: []Filter{{Filter: "a"}}}, "", 0},
		{"every option", one(Filter{"+/#", 2, true, true, RetainDoNotSend}), "", 0},
		{"shared", one(Filter{Filter: "$share/g/#", QoS: 1}), "", 0},
		{"largest identifier", &Subscribe{ID: 1, Filters: []Filter{{Filter: "a"}}, SubscriptionID: 268_435_455}, "", 0},
		{"longest filter", one(Filter{Filter: longestText}), "", 0},

		{"no filter", &Subscribe{}, "MQTT-3.8.3-2", ProtocolError},
		{"QoS 3", one(Filter{Filter: "a", QoS: 3}), "3.8.3.1", ProtocolError},
		{"QoS 4 would be written as 0", one(Filter{Filter: "a", QoS: 4}), "3.8.3.1", ProtocolError},
		{"retain handling 3", one(Filter{Filter: "a", RetainHandling: 3}), "3.8.3.1", ProtocolError},
		{"no local and shared", one(Filter{Filter: "$share/g/a", NoLocal: true}), "MQTT-3.8.3-4", ProtocolError},
		{"identifier above the limit", &Subscribe{Filters: []Filter{{Filter: "a"}}, SubscriptionID: 268_435_456}, "3.8.2.1.2", ProtocolError},
		{"empty filter", one(Filter{}), "MQTT-4.7.3-1", ProtocolError},
		{"long filter", one(Filter{Filter: tooLongText}), "MQTT-4.7.3-3", MalformedPacket},
		{"filter that is no text", one(Filter{Filter: illFormed}), "MQTT-1.5.4-1", MalformedPacket},
		{"filter with U+0000", one(Filter{Filter: withNull}), "MQTT-1.5.4-2", MalformedPacket},
		{"# not last", one(Filter{Filter: "#/a"}), "MQTT-4.7.1-1", MalformedPacket},
		{"+ not alone", one(Filter{Filter: "a+"}), "MQTT-4.7.1-2", MalformedPacket},
		{"shared with an empty group", one(Filter{Filter: "$share//a"}), "MQTT-4.8.2-1", MalformedPacket},
		{"shared with a wildcard for a group", one(Filter{Filter: "$share/#/a"}), "MQTT-4.8.2-2", MalformedPacket},
		{"user property", &Subscribe{Filters: []Filter{{Filter: "a"}}, UserProperties: user}, "MQTT-1.5.4-1", MalformedPacket},

		{"unsubscribe", &Unsubscribe{ID: 1, Filters: []string{"a", "$share/g/+"}}, "", 0},
		{"unsubscribe from nothing", &Unsubscribe{}, "MQTT-3.10.3-2", ProtocolError},
		{"unsubscribe: # not last", &Unsubscribe{Filters: []string{"a", "#/"}}, "MQTT-4.7.1-1", MalformedPacket},
		{"unsubscribe: no text", &Unsubscribe{Filters: []string{illFormed}}, "MQTT-1.5.4-1", MalformedPacket},
		{"unsubscribe: user property", &Unsubscribe{Filters: []string{"a"}, UserProperties: user}, "MQTT-1.5.4-1", MalformedPacket},
	})
	checkValidations(t, V311, []validation{
		{"options of MQTT 5 are not sent", &Subscribe{ID: 1, Filters: []Filter{{"a", 1, true, true, 3}}, SubscriptionID: 1 << 31,
			UserProperties: user}, "", 0},
		{"no filter", &Subscribe{}, "MQTT-3.8.3-2", ProtocolError},
		{"QoS 3", one(Filter{Filter: "a", QoS: 3}), "v3:MQTT-3.8.3-4", MalformedPacket},
		{"+ not alone", one(Filter{Filter: "a+"}), "MQTT-4.7.1-2", MalformedPacket},
		{"unsubscribe", &Unsubscribe{ID: 1, Filters: []string{"a"}, UserProperties: user}, "", 0},
		{"unsubscribe from nothing", &Unsubscribe{}, "MQTT-3.10.3-2", ProtocolError},
	})
}

// Conformance: MQTT-3.1.2-11, MQTT-3.1.2-12, MQTT-3.1.2-13, MQTT-3.1.3-4, MQTT-3.1.3-11, MQTT-3.1.3-12
// Conformance: v3:MQTT-3.1.2-14, v3:MQTT-3.1.2-22, v3:MQTT-3.1.3-4, v3:MQTT-3.1.3-7, v3:MQTT-3.1.3-10, v3:MQTT-3.1.3-11
func TestValidateConnect(t *testing.T) {
	t.Parallel()
	willed := func(w Will) *Connect { return &Connect{ClientID: "c", Will: &w} }
	user := []UserProperty{{"k", withNull}}
	checkValidations(t, V5, []validation{
		{"nothing but an identifier", &Connect{ClientID: "c"}, "", 0},
		{"empty identifier, session kept", &Connect{}, "", 0},
		{"password alone", &Connect{HasPassword: true, Password: []byte("p")}, "", 0},
		{"empty user name", &Connect{HasUsername: true}, "", 0},
		{"authentication", &Connect{AuthMethod: "m", AuthData: []byte{0}}, "", 0},
		{"longest fields", &Connect{ClientID: longestText, HasUsername: true, Username: longestText, HasPassword: true,
			Password: []byte(longestText), AuthMethod: longestText, AuthData: []byte(longestText),
			Will: &Will{Topic: longestText, Payload: []byte(longestText)}}, "", 0},
		{"every field of a will", willed(Will{Topic: "w", Payload: []byte("é\x00"), QoS: 2, Retain: true, DelayInterval: 1, PayloadFormat: FormatUTF8,
			MessageExpiry: Some[uint32](1), ContentType: "c", ResponseTopic: "r", CorrelationData: []byte{0xFF}}), "", 0},

		{"identifier that is no text", &Connect{ClientID: illFormed}, "MQTT-1.5.4-1", MalformedPacket},
		{"long identifier", &Connect{ClientID: tooLongText}, "1.5.4", MalformedPacket},
		{"user name that is no text", &Connect{HasUsername: true, Username: withNull}, "MQTT-1.5.4-2", MalformedPacket},
		{"long user name", &Connect{HasUsername: true, Username: tooLongText}, "1.5.4", MalformedPacket},
		{"user name left out", &Connect{Username: "u"}, "MQTT-3.1.2-16", ProtocolError},
		{"password left out", &Connect{Password: []byte("p")}, "MQTT-3.1.2-18", ProtocolError},
		{"long password", &Connect{HasPassword: true, Password: make([]byte, long)}, "1.5.6", MalformedPacket},
		{"authentication data without a method", &Connect{AuthData: []byte{}}, "3.1.2.11.10", ProtocolError},
		{"method that is no text", &Connect{AuthMethod: illFormed}, "MQTT-1.5.4-1", MalformedPacket},
		{"long authentication data", &Connect{AuthMethod: "m", AuthData: make([]byte, long)}, "1.5.6", MalformedPacket},
		{"user property", &Connect{UserProperties: user}, "MQTT-1.5.4-2", MalformedPacket},
		{"will QoS 3", willed(Will{Topic: "w", QoS: 3}), "MQTT-3.1.2-12", MalformedPacket},
		{"will without a topic", willed(Will{}), "MQTT-4.7.3-1", ProtocolError},
		{"will topic with a wildcard", willed(Will{Topic: "+"}), "MQTT-3.3.2-2", MalformedPacket},
		{"will topic that is no text", willed(Will{Topic: illFormed}), "MQTT-1.5.4-1", MalformedPacket},
		{"long will payload", willed(Will{Topic: "w", Payload: make([]byte, long)}), "1.5.6", MalformedPacket},
		{"will payload not as marked", willed(Will{Topic: "w", PayloadFormat: FormatUTF8, Payload: []byte(illFormed)}), "3.1.3.2.3", PayloadFormatInvalid},
		{"will payload format 2", willed(Will{Topic: "w", PayloadFormat: 2}), "3.1.3.2.3", ProtocolError},
		{"will content type", willed(Will{Topic: "w", ContentType: withNull}), "MQTT-1.5.4-2", MalformedPacket},
		{"will response topic", willed(Will{Topic: "w", ResponseTopic: "+"}), "MQTT-3.3.2-14", ProtocolError},
		{"will correlation data", willed(Will{Topic: "w", CorrelationData: make([]byte, long)}), "1.5.6", MalformedPacket},
		{"will user property", willed(Will{Topic: "w", UserProperties: user}), "MQTT-1.5.4-2", MalformedPacket},
	})
	checkValidations(t, V311, []validation{
		{"empty identifier, clean session", &Connect{CleanStart: true}, "", 0},
		{"user name and password", &Connect{ClientID: "c", HasUsername: true, HasPassword: true}, "", 0},
		{"the properties of MQTT 5 are not sent", &Connect{ClientID: "c", AuthData: []byte{0}, UserProperties: user,
			Will: &Will{Topic: "w", PayloadFormat: 9, ResponseTopic: "#", UserProperties: user}}, "", 0},
		{"empty identifier, session kept", &Connect{}, "v3:MQTT-3.1.3-7", ClientIdentifierNotValid},
		{"password alone", &Connect{ClientID: "c", HasPassword: true}, "v3:MQTT-3.1.2-22", MalformedPacket},
		{"identifier that is no text", &Connect{ClientID: illFormed}, "MQTT-1.5.4-1", MalformedPacket},
		{"will QoS 3", willed(Will{Topic: "w", QoS: 3}), "MQTT-3.1.2-12", MalformedPacket},
		{"will topic that is no text", willed(Will{Topic: illFormed}), "MQTT-1.5.4-1", MalformedPacket},
		{"user name that is no text", &Connect{ClientID: "c", HasUsername: true, Username: illFormed}, "MQTT-1.5.4-1", MalformedPacket},
	})
}

// Conformance: MQTT-3.14.2-1, MQTT-3.15.2-1
func TestValidateDisconnectAndAuth(t *testing.T) {
	t.Parallel()
	user := []UserProperty{{illFormed, "v"}}
	checkValidations(t, V5, []validation{
		{"normal", &Disconnect{}, "", 0},
		{"with will", &Disconnect{Code: DisconnectWithWill, SessionExpiry: Some[uint32](0), ReasonString: "r"}, "", 0},
		{"a server's code", &Disconnect{Code: SessionTakenOver}, "MQTT-3.14.2-1", ProtocolError},
		{"a code of another packet", &Disconnect{Code: GrantedQoS1}, "MQTT-3.14.2-1", ProtocolError},
		{"a server's property", &Disconnect{ServerReference: "s"}, "3.14.2.2.5", ProtocolError},
		{"reason that is no text", &Disconnect{ReasonString: illFormed}, "MQTT-1.5.4-1", MalformedPacket},
		{"long reason", &Disconnect{ReasonString: tooLongText}, "1.5.4", MalformedPacket},
		{"user property", &Disconnect{UserProperties: user}, "MQTT-1.5.4-1", MalformedPacket},

		{"auth", &Auth{Code: ContinueAuthentication, Method: "m", Data: []byte{0}, ReasonString: "r"}, "", 0},
		{"auth again", &Auth{Code: ReAuthenticate, Method: "m"}, "", 0},
		{"auth: success is the server's word", &Auth{Code: Success, Method: "m"}, "MQTT-3.15.2-1", ProtocolError},
		{"auth: a code of another packet", &Auth{Code: NotAuthorized, Method: "m"}, "MQTT-3.15.2-1", ProtocolError},
		{"auth: no method", &Auth{Code: ContinueAuthentication}, "3.15.2.2.2", ProtocolError},
		{"auth: method that is no text", &Auth{Code: ContinueAuthentication, Method: withNull}, "MQTT-1.5.4-2", MalformedPacket},
		{"auth: long data", &Auth{Code: ContinueAuthentication, Method: "m", Data: make([]byte, long)}, "1.5.6", MalformedPacket},
		{"auth: reason that is no text", &Auth{Code: ContinueAuthentication, Method: "m", ReasonString: illFormed}, "MQTT-1.5.4-1", MalformedPacket},
		{"auth: user property", &Auth{Code: ContinueAuthentication, Method: "m", UserProperties: user}, "MQTT-1.5.4-1", MalformedPacket},
	})
	checkValidations(t, V311, []validation{
		{"normal", &Disconnect{ReasonString: illFormed, UserProperties: user}, "", 0},
		{"with will", &Disconnect{Code: DisconnectWithWill}, "v3:MQTT-3.14.4-3", ProtocolError},
		{"auth", &Auth{Code: ContinueAuthentication, Method: "m"}, "3.15", ProtocolError},
	})
}

// textFields are packets with a control character in each text that a client writes.
var textFields = map[string]validator{
	"topic":               &Publish{Topic: control},
	"content type":        &Publish{Topic: "a", ContentType: control},
	"response topic":      &Publish{Topic: "a", ResponseTopic: control},
	"user property name":  &Publish{Topic: "a", UserProperties: []UserProperty{{control, ""}}},
	"user property value": &Publish{Topic: "a", UserProperties: []UserProperty{{"", control}}},
	"filter":              &Subscribe{Filters: []Filter{{Filter: control}}},
	"subscribe user":      &Subscribe{Filters: []Filter{{Filter: "a"}}, UserProperties: []UserProperty{{control, ""}}},
	"unsubscribe filter":  &Unsubscribe{Filters: []string{control}},
	"unsubscribe user":    &Unsubscribe{Filters: []string{"a"}, UserProperties: []UserProperty{{control, ""}}},
	"client identifier":   &Connect{ClientID: control},
	"user name":           &Connect{HasUsername: true, Username: control},
	"method":              &Connect{AuthMethod: control},
	"connect user":        &Connect{UserProperties: []UserProperty{{control, ""}}},
	"will topic":          &Connect{Will: &Will{Topic: control}},
	"will content type":   &Connect{Will: &Will{Topic: "a", ContentType: control}},
	"will response topic": &Connect{Will: &Will{Topic: "a", ResponseTopic: control}},
	"will user":           &Connect{Will: &Will{Topic: "a", UserProperties: []UserProperty{{control, ""}}}},
	"disconnect reason":   &Disconnect{ReasonString: control},
	"disconnect user":     &Disconnect{UserProperties: []UserProperty{{control, ""}}},
	"auth method":         &Auth{Code: ContinueAuthentication, Method: control},
	"auth reason":         &Auth{Code: ContinueAuthentication, Method: "m", ReasonString: control},
	"auth user":           &Auth{Code: ContinueAuthentication, Method: "m", UserProperties: []UserProperty{{control, ""}}},
}

// Conformance: X-UTF8-1
func TestValidateStrict(t *testing.T) {
	t.Parallel()
	for name, p := range textFields {
		if err := p.Validate(V5, false); err != nil {
			t.Errorf("%s, not strict: %v", name, err)
		}
		expectError(t, p.Validate(V5, true), MalformedPacket, "1.5.4", name)
	}
}

// TestValidateTooLong adds up packets that no remaining length can hold from parts that are right.
func TestValidateTooLong(t *testing.T) {
	t.Parallel()
	const n = maxRemaining/65535 + 1
	user := make([]UserProperty, n)
	filters := make([]Filter, n)
	names := make([]string, n)
	for i := range n {
		user[i], filters[i], names[i] = UserProperty{"k", longestText}, Filter{Filter: longestText}, longestText
	}
	for _, p := range []validator{
		&Connect{UserProperties: user},
		&Connect{Will: &Will{Topic: "w", UserProperties: user}},
		&Publish{Topic: "a", UserProperties: user},
		&Subscribe{Filters: filters},
		&Subscribe{Filters: filters[:1], UserProperties: user},
		&Unsubscribe{Filters: names},
		&Unsubscribe{Filters: names[:1], UserProperties: user},
		&Disconnect{UserProperties: user},
		&Auth{Code: ContinueAuthentication, Method: "m", UserProperties: user},
	} {
		expectError(t, p.Validate(V5, false), PacketTooLarge, "2.1.4", p.Type().String())
		dst := []byte("kept")
		got, err := p.Append(dst, V5)
		expectError(t, err, PacketTooLarge, "2.1.4", p.Type().String()+" written")
		if string(got) != "kept" {
			t.Errorf("%v: dst has %d bytes after an error", p.Type(), len(got))
		}
	}
}

func TestValidateAllocatesNothing(t *testing.T) {
	user := []UserProperty{{"k", "v"}}
	for _, p := range []validator{
		&Connect{ClientID: "c", Will: &Will{Topic: "w", PayloadFormat: FormatUTF8, Payload: []byte("x"), UserProperties: user}, UserProperties: user},
		&Publish{Topic: "a/b/c", Payload: []byte("x"), QoS: 1},
		&Publish{Topic: "a/b/c", Payload: []byte("é"), PayloadFormat: FormatUTF8, ResponseTopic: "r", ContentType: "c", UserProperties: user},
		&Subscribe{Filters: []Filter{{Filter: "$share/g/+/#"}, {Filter: "a/+/b"}}, UserProperties: user},
		&Unsubscribe{Filters: []string{"a/+/b", "#"}, UserProperties: user},
		&Disconnect{ReasonString: "r", UserProperties: user},
		&Auth{Code: ContinueAuthentication, Method: "m", UserProperties: user},
	} {
		n := testing.AllocsPerRun(100, func() {
			if err := p.Validate(V5, true); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%v: %v allocations", p.Type(), n)
		}
	}
}
