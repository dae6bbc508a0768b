package awsiot

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// A fact is a part of a failure, for the table below.
type fact func(*facts)

func because(err error) fact { return func(f *facts) { f.err = err } }

func coded(t packet.Type, code packet.ReasonCode) fact {
	return because(fmt.Errorf("wrapped: %w", &mqtt.ReasonError{Packet: t, Code: code}))
}

func in(m mode) fact { return func(f *facts) { f.mode = m } }

// connected is a connection without CONNACK, accepted one with it.
func connected(f *facts) { f.connected = true }
func accepted(f *facts)  { f.connected, f.accepted = true, true }

func lasted(d time.Duration) fact { return func(f *facts) { f.age = d } }
func v311(f *facts)               { f.version = packet.V311 }
func on8883(f *facts)             { f.port = PortMQTTS }

// after is what was sent last, a moment before the end.
func after(r request) fact {
	return func(f *facts) { f.last, f.lastAge = r, time.Second }
}

func answered(status int, errorType string) fact {
	return because(&mqttws.HandshakeError{StatusCode: status, Status: fmt.Sprint(status), Header: http.Header{"X-Amzn-Errortype": {errorType}}})
}

// alerted is an alert of the service, as crypto/tls reports it.
func alerted(code uint8) fact {
	return func(f *facts) { f.err = fmt.Errorf("direct: %w", alertOf(code)) }
}

// alertOf is what crypto/tls says when the other side sends an alert.
func alertOf(code uint8) error {
	client, server := net.Pipe()
	defer server.Close()
	defer client.Close()
	go func() {
		go func() { _, _ = io.Copy(io.Discard, server) }()
		_, _ = server.Write([]byte{21, 3, 3, 0, 2, 2, code})
	}()
	return tls.Client(client, &tls.Config{ServerName: "x"}).Handshake()
}

func certificate(from, until time.Time) fact {
	return func(f *facts) { f.leaf = &x509.Certificate{NotBefore: from, NotAfter: until} }
}

func operation(op, topic string, err error) fact {
	return because(&mqtt.OpError{Op: op, Topic: topic, Sent: true, Err: err})
}

var (
	hangUp  = because(fmt.Errorf("%w: the broker closed it without a word", mqtt.ErrConnectionLost))
	refused = because(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED})
	publish = after(request{packet: packet.PUBLISH, topic: "a/b", payload: 10, retain: true})
)

const (
	connectStatement = `{"Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot:eu-west-1:ACCOUNT:client/pump-7"}`
	publishStatement = `{"Effect":"Allow","Action":"iot:Publish","Resource":"arn:aws:iot:eu-west-1:ACCOUNT:topic/a/b"}`
	retainStatement  = `{"Effect":"Allow","Action":["iot:Publish","iot:RetainPublish"],"Resource":"arn:aws:iot:eu-west-1:ACCOUNT:topic/a/b"}`
)

func subscribed(filters ...string) fact {
	return after(request{packet: packet.SUBSCRIBE, filters: filters})
}

func subscribeStatement(filters ...string) string {
	f := &facts{region: "eu-west-1", last: request{filters: filters}}
	return subscribeGrant(f)
}

// explanations has at least one case for every row.
var explanations = []struct {
	name      string
	facts     []fact
	cause     Cause
	likely    string // a part of it
	statement string
}{
	// Credentials.
	{"role not allowed", []fact{because(&CredentialsError{&CredentialsRefusal{StatusCode: 403}})}, CauseCredentials, "does not let this certificate assume the role",
		`{"Effect":"Allow","Action":"iot:AssumeRoleWithCertificate","Resource":"arn:aws:iot:eu-west-1:ACCOUNT:rolealias/ROLE_ALIAS"}`},
	{"role alias not allowed", []fact{because(&CredentialsError{&CredentialsRefusal{StatusCode: 403, RoleAlias: "gate=7"}})}, CauseCredentials, "does not let this certificate assume the role",
		`{"Effect":"Allow","Action":"iot:AssumeRoleWithCertificate","Resource":"arn:aws:iot:eu-west-1:ACCOUNT:rolealias/gate=7"}`},
	{"no such alias", []fact{because(&CredentialsError{&CredentialsRefusal{StatusCode: 404}})}, CauseCredentials, "does not know the role alias", ""},
	{"provider throttled", []fact{because(&CredentialsError{&CredentialsRefusal{StatusCode: 429}})}, CauseCredentials, "no AWS credentials", ""},
	{"no credentials", []fact{because(&CredentialsError{errors.New("no role")})}, CauseCredentials, "no AWS credentials to sign with", ""},

	// The network.
	{"no such name", []fact{because(&net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}})}, CauseName, "no such name", ""},
	{"proxy wants credentials", []fact{because(&direct.ProxyError{Status: 407})}, CauseProxy, "wants other credentials", ""},
	{"proxy refuses", []fact{because(&direct.ProxyError{Status: 403})}, CauseProxy, "does not let the connection through", ""},
	{"8883 blocked", []fact{refused, func(f *facts) { f.port = 8883 }}, CauseNetwork, "port 8883 cannot be reached", ""},
	{"unreachable", []fact{refused}, CauseNetwork, "cannot be reached on port 443", ""},
	{"no answer", []fact{because(fmt.Errorf("%w: %w", mqtt.ErrConnectTimeout, context.DeadlineExceeded))}, CauseNetwork, "cannot be reached", ""},

	// TLS.
	{"legacy endpoint", []fact{because(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), func(f *facts) { f.host.kind = hostLegacy }}, CauseRoots, "trusted no more", ""},
	{"no roots", []fact{because(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}})}, CauseRoots, "authority that this device does not trust", ""},
	{"other name", []fact{because(&tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: new(x509.Certificate), Host: "x"}})}, CauseName, "is not one for a1b2", ""},
	{"clock in the past", []fact{because(&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}})}, CauseClock, "by this device's clock (2026-03-01T12:00:00Z)", ""},
	{"certificate not yet valid", []fact{connected, hangUp, certificate(noon.Add(time.Hour), noon.Add(2*time.Hour))}, CauseClock, "valid from 2026-03-01T13:00:00Z, and this device's clock says 2026-03-01T12:00:00Z", ""},
	{"certificate expired, by the clock", []fact{connected, hangUp, certificate(noon.Add(-2*time.Hour), noon.Add(-time.Hour))}, CauseCertificate, "it was valid until 2026-03-01T11:00:00Z", ""},
	{"certificate expired, by the service", []fact{alerted(45)}, CauseCertificate, "has expired: it was valid until unknown", ""},
	{"certificate revoked", []fact{alerted(44)}, CauseCertificate, "has been revoked", ""},
	{"certificate missing", []fact{in(modeCustomAuth), alerted(116)}, CauseCertificate, "wants a client certificate", ""},
	{"authorizer on 8883, alert", []fact{in(modeCustomAuth), on8883, alerted(116)}, CauseProtocol, "port 8883 is for client certificates", ""},
	{"authorizer on 8883, silent", []fact{in(modeCustomAuth), on8883, connected, because(io.EOF)}, CauseProtocol, "port 8883 is for client certificates", ""},
	{"authorizer on 8883, refused", []fact{in(modeCustomAuth), on8883, accepted, coded(packet.CONNACK, packet.NotAuthorized)}, CauseAuthorizer, "did not let the client in", connectStatement},
	{"ALPN", []fact{alerted(120)}, CauseProtocol, "ALPN", ""},
	{"SNI", []fact{alerted(112)}, CauseName, "does not know the name a1b2", ""},
	{"TLS version", []fact{alerted(70)}, CauseProtocol, "version of TLS", ""},
	{"certificate not known", []fact{connected, alerted(46)}, CauseCertificate, "does not take the device's certificate", ""},
	{"certificate's authority not known", []fact{alerted(48)}, CauseCertificate, "does not take the device's certificate", ""},
	{"handshake without a certificate", []fact{in(modeSigV4), alerted(40)}, CauseProtocol, "broke the TLS handshake off", ""},

	// The upgrade.
	{"clock ahead", []fact{in(modeSigV4), dated(noon.Add(-time.Hour), 403)}, CauseClock, "1h0m0s ahead of the service's", ""},
	{"credentials expired", []fact{in(modeSigV4), answered(403, "ExpiredTokenException")}, CauseCredentials, "have expired", ""},
	{"key not known", []fact{in(modeSigV4), answered(403, "UnrecognizedClientException")}, CauseCredentials, "are not known", ""},
	{"signature", []fact{in(modeSigV4), answered(403, "ForbiddenException")}, CauseSignature, "does not take the signature", ""},
	{"small skew", []fact{in(modeSigV4), dated(noon.Add(time.Minute), 403)}, CauseSignature, "does not take the signature", ""},
	{"custom authentication refused at once", []fact{in(modeCustomAuth), answered(403, "")}, CauseAuthorizer, "does not let the WebSocket be opened", ""},
	{"no WebSocket there", []fact{in(modeSigV4), answered(404, "")}, CauseName, "no MQTT over WebSocket at a1b2", ""},
	{"too many", []fact{in(modeSigV4), answered(429, "")}, CauseQuota, "no more connections", ""},
	{"service broken", []fact{in(modeSigV4), answered(500, "")}, CauseService, "a problem of its own", ""},
	{"portal", []fact{in(modeSigV4), answered(302, "")}, CauseNetwork, "something else", ""},

	// CONNECT.
	{"authorizer says no", []fact{in(modeCustomAuth), accepted, coded(packet.CONNACK, packet.NotAuthorized)}, CauseAuthorizer, "did not let the client in", connectStatement},
	{"authorizer says no in 3.1.1", []fact{in(modeCustomAuth), accepted, because(&mqtt.ProtocolError{Err: returnCode7(nil)})}, CauseAuthorizer, "did not let the client in", connectStatement},
	{"bad user name", []fact{in(modeCustomAuth), accepted, coded(packet.CONNACK, packet.BadUserNameOrPassword)}, CauseAuthorizer, "did not let the client in", connectStatement},
	{"SigV4 without policy", []fact{in(modeSigV4), accepted, coded(packet.CONNACK, packet.NotAuthorized)}, CausePolicy, `allows the client identifier "pump-7"`, connectStatement},
	{"certificate without policy", []fact{accepted, coded(packet.CONNACK, packet.NotAuthorized)}, CausePolicy, `allows the client identifier "pump-7"`, connectStatement},
	{"client identifier", []fact{accepted, coded(packet.CONNACK, packet.ClientIdentifierNotValid)}, CauseClientID, `does not take the client identifier "pump-7"`, ""},
	{"CONNECT rate", []fact{accepted, coded(packet.CONNACK, packet.QuotaExceeded)}, CauseQuota, "no more CONNECT packets", ""},
	{"will at QoS 2", []fact{accepted, coded(packet.CONNACK, packet.QoSNotSupported)}, CauseQoS, "the will's neither", ""},
	{"will's topic", []fact{accepted, coded(packet.CONNACK, packet.TopicNameInvalid)}, CauseTopic, "the will's topic", ""},
	{"will too large", []fact{accepted, coded(packet.CONNACK, packet.PacketTooLarge)}, CausePayload, "CONNECT is too large", ""},
	{"unavailable", []fact{accepted, coded(packet.CONNACK, packet.ServerUnavailable)}, CauseService, "cannot take the connection at the moment", ""},
	{"authorizer, silent", []fact{in(modeCustomAuth), connected, because(io.EOF)}, CauseAuthorizer, "no authorizer let the client in", ""},
	{"SigV4, silent", []fact{in(modeSigV4), connected, because(io.EOF)}, CausePolicy, "hung up instead of answering", connectStatement},
	{"certificate, silent", []fact{connected, because(&net.OpError{Op: "read", Err: syscall.ECONNRESET})}, CauseCertificate, "does not know the device's certificate", connectStatement},
	{"authorizer too slow", []fact{in(modeCustomAuth), connected, because(mqtt.ErrConnectTimeout)}, CauseAuthorizer, "not answered in time", ""},
	{"CONNECT not answered", []fact{connected, because(mqtt.ErrConnectTimeout)}, CauseNetwork, "the CONNECT was not answered", ""},

	// DISCONNECT.
	{"taken over", []fact{accepted, coded(packet.DISCONNECT, packet.SessionTakenOver)}, CauseDuplicate, `client identifier "pump-7"`, ""},
	{"publish not allowed", []fact{accepted, publish, coded(packet.DISCONNECT, packet.NotAuthorized)}, CausePolicy, `the last one was "a/b"`, retainStatement},
	{"subscribe not allowed", []fact{accepted, subscribed("a/+", "b"), coded(packet.DISCONNECT, packet.NotAuthorized)}, CausePolicy, `the last ones were to "a/+", "b"`, subscribeStatement("a/+", "b")},
	{"receive not allowed", []fact{accepted, coded(packet.DISCONNECT, packet.NotAuthorized)}, CausePolicy, "allows it no more", ""},
	{"keep alive", []fact{accepted, coded(packet.DISCONNECT, packet.KeepAliveTimeout)}, CauseKeepAlive, "heard nothing", ""},
	{"filter", []fact{accepted, subscribed("$aws/x"), coded(packet.DISCONNECT, packet.TopicFilterInvalid)}, CauseTopic, `"$aws/x"`, ""},
	{"topic", []fact{accepted, publish, coded(packet.DISCONNECT, packet.TopicNameInvalid)}, CauseTopic, `"a/b"`, ""},
	{"receive maximum", []fact{accepted, coded(packet.DISCONNECT, packet.ReceiveMaximumExceeded)}, CauseQuota, "100 messages", ""},
	{"alias", []fact{accepted, coded(packet.DISCONNECT, packet.TopicAliasInvalid)}, CauseAliases, "alias", ""},
	{"too large", []fact{accepted, publish, coded(packet.DISCONNECT, packet.PacketTooLarge)}, CausePayload, "10 bytes", ""},
	{"too many subscriptions", []fact{accepted, subscribed("a"), coded(packet.DISCONNECT, packet.QuotaExceeded)}, CauseSubscribe, "too many subscriptions", ""},
	{"too fast", []fact{accepted, publish, coded(packet.DISCONNECT, packet.QuotaExceeded)}, CauseQuota, "than its quota allows", ""},
	{"by somebody", []fact{accepted, coded(packet.DISCONNECT, packet.AdministrativeAction)}, CauseAdministrator, "somebody has ended", ""},
	{"QoS 2", []fact{accepted, coded(packet.DISCONNECT, packet.QoSNotSupported)}, CauseQoS, "no QoS 2", ""},
	{"identifiers", []fact{accepted, coded(packet.DISCONNECT, packet.SubscriptionIdentifiersNotSupported)}, CauseIdentifiers, "no subscription identifiers", ""},
	{"moving", []fact{accepted, coded(packet.DISCONNECT, packet.ServerShuttingDown)}, CauseService, "moves the connection", ""},
	{"malformed", []fact{accepted, coded(packet.DISCONNECT, packet.MalformedPacket)}, CauseService, "could not read a packet", ""},

	// Hanging up.
	{"nine filters", []fact{accepted, hangUp, subscribed(strings.Split("abcdefghi", "")...)}, CauseSubscribe, "more than 8 filters", ""},
	{"long filter", []fact{accepted, hangUp, subscribed("1/2/3/4/5/6/7/8/9")}, CauseTopic, "256 bytes or 7 slashes", ""},
	{"subscribe, silent", []fact{accepted, hangUp, subscribed("a/+", "b")}, CausePolicy, `no policy allows "a/+", "b"`, subscribeStatement("a/+", "b")},
	{"QoS 2, silent", []fact{accepted, hangUp, after(request{packet: packet.PUBLISH, topic: "a", qos: 2})}, CauseQoS, "PUBLISH at QoS 2", ""},
	{"payload, silent", []fact{accepted, hangUp, after(request{packet: packet.PUBLISH, topic: "a", payload: 128<<10 + 1})}, CausePayload, "PUBLISH of 131073 bytes", ""},
	{"topic, silent", []fact{accepted, hangUp, after(request{packet: packet.PUBLISH, topic: "1/2/3/4/5/6/7/8/9"})}, CauseTopic, `7 slashes: "1/2/3/4/5/6/7/8/9"`, ""},
	{"reserved topic, silent", []fact{accepted, hangUp, after(request{packet: packet.PUBLISH, topic: "$aws/no"})}, CauseTopic, `reserved topic "$aws/no"`,
		`{"Effect":"Allow","Action":"iot:Publish","Resource":"arn:aws:iot:eu-west-1:ACCOUNT:topic/$aws/no"}`},
	{"publish, silent", []fact{accepted, hangUp, publish}, CausePolicy, `no policy allows the topic "a/b"`, retainStatement},
	{"authorizer's time is up", []fact{in(modeCustomAuth), accepted, hangUp, lasted(time.Hour)}, CauseAuthorizer, "ended after 1h0m0s", ""},
	{"a day", []fact{in(modeSigV4), accepted, hangUp, lasted(24 * time.Hour)}, CauseLifetime, "24 hours", ""},
	{"two weeks", []fact{accepted, hangUp, lasted(14 * 24 * time.Hour)}, CauseLifetime, "a week or two", ""},
	{"taken over in 3.1.1", []fact{v311, accepted, hangUp, lasted(time.Minute)}, CauseDuplicate, `may have come with the client identifier "pump-7"`, ""},

	// Operations.
	{"PUBACK not authorized", []fact{operation("publish", "a/b", &mqtt.ReasonError{Packet: packet.PUBACK, Code: packet.NotAuthorized})}, CausePolicy, `publish to "a/b"`, publishStatement},
	{"PUBACK topic", []fact{operation("publish", "a/b", &mqtt.ReasonError{Packet: packet.PUBACK, Code: packet.TopicNameInvalid})}, CauseTopic, `topic "a/b"`, ""},
	{"PUBACK quota", []fact{operation("publish", "a/b", &mqtt.ReasonError{Packet: packet.PUBACK, Code: packet.QuotaExceeded})}, CauseQuota, "above a quota", ""},
	{"SUBACK not authorized", []fact{operation("subscribe", "a, b", suback(packet.NotAuthorized))}, CausePolicy, `subscription to "b"`, subscribeStatement("b")},
	{"SUBACK filter", []fact{operation("subscribe", "a, b", suback(packet.TopicFilterInvalid))}, CauseTopic, `the filters "b"`, ""},
	{"SUBACK quota", []fact{operation("subscribe", "a, b", suback(packet.QuotaExceeded))}, CauseSubscribe, "too many subscriptions", ""},
	{"SUBACK in 3.1.1", []fact{operation("subscribe", "a, b", suback(packet.UnspecifiedError))}, CausePolicy, `subscription to "b"`, subscribeStatement("b")},
	{"long filter in 3.1.1", []fact{operation("subscribe", deep, &mqtt.ReasonError{Packet: packet.SUBACK, Code: packet.UnspecifiedError,
		Filters: []string{deep}, Codes: []packet.ReasonCode{packet.UnspecifiedError}})}, CauseTopic, "7 slashes", ""},
	{"QoS 2 at submit", []fact{operation("publish", "a", &mqtt.LimitError{Packet: packet.PUBLISH, Code: packet.QoSNotSupported})}, CauseQoS, "no QoS 2", ""},
	{"payload at submit", []fact{operation("publish", "a", &mqtt.LimitError{Packet: packet.PUBLISH, Code: packet.PacketTooLarge})}, CausePayload, "128 KiB", ""},
	{"publish interrupted", []fact{operation("publish", "a/b", mqtt.ErrInterrupted)}, CausePolicy, `publish to "a/b" was under way`, publishStatement},
	{"long topic interrupted", []fact{operation("publish", deep, mqtt.ErrInterrupted)}, CauseTopic, "7 slashes", ""},
	{"subscribe interrupted", []fact{operation("subscribe", "a/b", mqtt.ErrInterrupted)}, CausePolicy, "SUBSCRIBE was under way", ""},
}

// deep has a level too many.
const deep = "1/2/3/4/5/6/7/8/9"

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func dated(date time.Time, status int) fact {
	return because(&mqttws.HandshakeError{StatusCode: status, Header: http.Header{"Date": {date.Format(http.TimeFormat)}}})
}

// suback grants "a" and refuses "b".
func suback(code packet.ReasonCode) error {
	return &mqtt.ReasonError{Packet: packet.SUBACK, Code: code, Filters: []string{"a", "b"}, Codes: []packet.ReasonCode{packet.GrantedQoS1, code}}
}

// returnCode7 is what the codec says to a CONNACK that only AWS IoT Core sends.
func returnCode7(*testing.T) error {
	d := packet.Decoder{Version: packet.V311}
	_, err := d.Decode(packet.Frame{First: byte(packet.CONNACK) << 4, Body: []byte{0, 7}})
	return err
}

func newFacts(list ...fact) *facts {
	f := &facts{
		host: host{name: "a1b2", kind: hostData}, port: PortHTTPS, region: "eu-west-1", version: packet.V5, clientID: "pump-7", now: noon,
	}
	for _, set := range list {
		set(f)
	}
	return f
}

func TestEveryExplanation(t *testing.T) {
	t.Parallel()
	used := make(map[*row]bool)
	for _, c := range explanations {
		f := newFacts(c.facts...)
		err := f.explain()
		r, ok := errors.AsType[*Refusal](err)
		if !ok {
			t.Errorf("%s: no explanation of %v", c.name, err)
			continue
		}
		if r.Cause != c.cause || !strings.Contains(r.Likely, c.likely) || r.Statement != c.statement {
			t.Errorf("%s: explained as %q, %q, %s", c.name, r.Cause, r.Likely, r.Statement)
		}
		if !errors.Is(r, f.err) || !strings.HasPrefix(r.Error(), "awsiot: "+r.Likely+": ") || strings.ContainsAny(r.Error(), "{}") && r.Statement == "" {
			t.Errorf("%s: the text is %v", c.name, r)
		}
		if !reflect.DeepEqual((&facts{err: err}).explain(), err) {
			t.Errorf("%s: explained twice", c.name)
		}
		for _, rows := range tables {
			for i := range rows {
				if rows[i].when(f) {
					used[&rows[i]] = true
					goto next
				}
			}
		}
	next:
	}
	for _, rows := range tables {
		for i := range rows {
			if !used[&rows[i]] {
				t.Errorf("no case for %q", rows[i].likely)
			}
			for _, text := range append([]string{rows[i].likely}, rows[i].check...) {
				if filled := newFacts().fill(text); strings.ContainsAny(filled, "{}") {
					t.Errorf("%q has a name that stands for nothing", text)
				}
			}
		}
	}
}

// What AWS IoT Core has nothing to do with stays as it is.
func TestNoExplanation(t *testing.T) {
	t.Parallel()
	for name, list := range map[string][]fact{
		"closed here":         {accepted, because(mqtt.ErrClosed)},
		"ping timeout":        {accepted, publish, because(mqtt.ErrPingTimeout)},
		"network gone":        {accepted, publish, because(fmt.Errorf("%w: %w", mqtt.ErrConnectionLost, syscall.ETIMEDOUT))},
		"long after":          {accepted, hangUp, publish, func(f *facts) { f.lastAge = time.Minute }},
		"nothing sent":        {accepted, hangUp},
		"3.1.1 after an hour": {v311, accepted, hangUp, lasted(time.Hour)},
		"alias":               {accepted, hangUp, after(request{packet: packet.PUBLISH})},
		"queue full":          {operation("publish", "a", mqtt.ErrQueueFull)},
		"unsubscribe":         {operation("unsubscribe", "a", &mqtt.ReasonError{Packet: packet.UNSUBACK, Code: packet.UnspecifiedError})},
		"dial, other":         {because(errors.New("no such file"))},
	} {
		f := newFacts(list...)
		if err := f.explain(); err != f.err {
			t.Errorf("%s: explained as %v", name, err)
		}
	}
	if Explain(nil) != nil {
		t.Error("an explanation of nothing")
	}
	if err := Explain(io.EOF); err != io.EOF {
		t.Error(err)
	}
}

// Nobody knows the region of an operation.
func TestExplain(t *testing.T) {
	t.Parallel()
	err := Explain(&mqtt.OpError{Op: "publish", Topic: "a/<b>", Sent: true, Err: &mqtt.ReasonError{Packet: packet.PUBACK, Code: packet.NotAuthorized}})
	r, ok := errors.AsType[*Refusal](err)
	if !ok || r.Statement != `{"Effect":"Allow","Action":"iot:Publish","Resource":"arn:aws:iot:REGION:ACCOUNT:topic/a/<b>"}` || mqtt.NotSent(err) {
		t.Errorf("got %v", err)
	}
	if e, ok := errors.AsType[*mqtt.ReasonError](err); !ok || e.Code != packet.NotAuthorized {
		t.Errorf("got %v", err)
	}
}

func TestPartitions(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{
		"cn-north-1": "arn:aws-cn:iot:cn-north-1:ACCOUNT:x", "us-gov-west-1": "arn:aws-us-gov:iot:us-gov-west-1:ACCOUNT:x",
		"ap-south-1": "arn:aws:iot:ap-south-1:ACCOUNT:x", "": "arn:aws:iot:REGION:ACCOUNT:x",
	} {
		if got := (&facts{region: region}).arn("x"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestOverlong(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 256)
	for topic, want := range map[string]bool{
		long: false, long + "x": true, "1/2/3/4/5/6/7/8": false, "1/2/3/4/5/6/7/8/9": true,
		"$aws/rules/rule/" + long: false, "$aws/rules/rule/" + long + "x": true, "$aws/rules/rule/1/2/3/4/5/6/7/8": false,
		"$share/group/1/2/3/4/5/6/7/8": false, "$share/group/1/2/3/4/5/6/7/8/9": true, "$share/x": false,
		"$aws/commands/things/t/executions/e/response/accepted/json": false,
	} {
		if got := overlong(topic); got != want {
			t.Errorf("%s: %v", topic, got)
		}
	}
}
