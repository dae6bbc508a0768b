package awsiot

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// facts are what is known of a failure. The first group is not known of operations.
type facts struct {
	mode      mode
	host      host
	port      int
	version   packet.Version
	clientID  string
	leaf      *x509.Certificate // of the device, nil where it cannot be read
	now       time.Time
	connected bool // there was a connection: TCP, TLS and WebSocket
	accepted  bool // and CONNACK
	age       time.Duration
	last      request       // what was sent last
	lastAge   time.Duration // and how long before the end

	err    error
	region string

	code   *mqtt.ReasonError // of CONNACK, DISCONNECT or an acknowledgement
	op     *mqtt.OpError
	limit  *mqtt.LimitError
	http   *mqttws.HandshakeError
	skew   time.Duration // of our clock against the server's, positive where ours is ahead
	alert  uint64        // of TLS, sent by the service; 0: none
	silent bool          // the other side hung up without a word
}

// read takes from the error what it tells.
func (f *facts) read() {
	f.code, _ = errors.AsType[*mqtt.ReasonError](f.err)
	f.op, _ = errors.AsType[*mqtt.OpError](f.err)
	f.limit, _ = errors.AsType[*mqtt.LimitError](f.err)
	if f.http, _ = errors.AsType[*mqttws.HandshakeError](f.err); f.http != nil {
		f.skew = clockSkew(f.http.Header, f.now)
	}
	f.alert = remoteAlert(f.err)
	f.silent = f.code == nil && f.alert == 0 && hungUp(f.err)
}

// hungUp reports whether the other side ended the connection, and not a timeout or the network.
func hungUp(err error) bool {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || errors.Is(err, mqtt.ErrConnectTimeout) {
		return false
	}
	for _, gone := range []error{syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.ETIMEDOUT} {
		if errors.Is(err, gone) {
			return false
		}
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok && (errno == wsaConnReset || errno == wsaConnAborted) {
		return true
	}
	for _, end := range []error{mqtt.ErrConnectionLost, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// Windows' own numbers, which no other system has.
const (
	wsaConnAborted = syscall.Errno(10053)
	wsaConnReset   = syscall.Errno(10054)
)

// remoteAlert returns the TLS alert that the other side sent. Its type is not exported, its value is the one of RFC 8446
// section 6.
func remoteAlert(err error) uint64 {
	for e, ok := errors.AsType[*net.OpError](err); ok; e, ok = errors.AsType[*net.OpError](err) {
		if v := reflect.ValueOf(e.Err); e.Op == "remote error" && v.Kind() == reflect.Uint8 {
			return v.Uint()
		}
		err = e.Err
	}
	return 0
}

// clockSkew compares our clock with the Date of an answer, which has whole seconds.
func clockSkew(header http.Header, now time.Time) time.Duration {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil || now.IsZero() {
		return 0
	}
	return now.Sub(date).Truncate(time.Second)
}

// carries reports whether the packet of the type carried one of the codes.
func (f *facts) carries(t packet.Type, codes ...packet.ReasonCode) bool {
	if f.code == nil || f.code.Packet != t {
		return false
	}
	for _, c := range codes {
		if f.code.Code == c {
			return true
		}
	}
	return false
}

// mentions reports whether the type of the HTTP error or the beginning of the answer has one of the words.
func (f *facts) mentions(words ...string) bool {
	if f.http == nil {
		return false
	}
	text := errorType(f.http.Header) + " " + f.http.Body
	for _, word := range words {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

func (f *facts) status(codes ...int) bool {
	if f.http == nil {
		return false
	}
	for _, c := range codes {
		if f.http.StatusCode == c {
			return true
		}
	}
	return false
}

// refusedEarly reports whether the service hung up on a connection before it accepted the CONNECT.
func (f *facts) refusedEarly() bool { return f.connected && !f.accepted && (f.silent || f.alert != 0) }

// shortly is how soon after a request a hang-up is taken for the answer to it.
const shortly = 10 * time.Second

// droppedAfter reports whether the service hung up on an accepted connection shortly after such a packet.
func (f *facts) droppedAfter(t packet.Type) bool {
	return f.accepted && f.silent && f.last.packet == t && f.lastAge <= shortly
}

// blames reports whether a packet of the type is what the service did not take: the one that the operation sent, the last
// one before a DISCONNECT, or the last one before a hang-up.
func (f *facts) blames(t packet.Type) bool {
	switch {
	case f.op != nil:
		return f.op.Op == strings.ToLower(t.String())
	case f.code != nil:
		return f.code.Packet == packet.DISCONNECT && f.last.packet == t
	}
	return f.droppedAfter(t)
}

// topic is the one in question.
func (f *facts) topic() string {
	if f.op != nil {
		return f.op.Topic
	}
	return f.last.topic
}

// filters are those in question.
func (f *facts) filters() []string {
	if f.code == nil || len(f.code.Filters) == 0 {
		return f.last.filters
	}
	var refused []string
	for i, filter := range f.code.Filters {
		if i < len(f.code.Codes) && f.code.Codes[i].Failed() {
			refused = append(refused, filter)
		}
	}
	return refused
}

// The limits of AWS IoT Core: endpoints and quotas, "message broker".
const (
	maxTopic   = 256
	maxSlashes = 7
	maxPayload = 128 << 10
	maxFilters = 8
)

// overlong reports whether a topic or filter has too many bytes or levels. What stands before the topic of a basic ingest
// or of a shared subscription does not count, and the topics of Commands have a level more.
func overlong(topic string) bool {
	if strings.HasPrefix(topic, "$aws/commands/") {
		return len(topic) > maxTopic
	}
	for prefix, levels := range map[string]int{"$aws/rules/": 3, "$share/": 2} {
		if strings.HasPrefix(topic, prefix) {
			parts := strings.SplitN(topic, "/", levels+1)
			topic = parts[len(parts)-1]
		}
	}
	return len(topic) > maxTopic || strings.Count(topic, "/") > maxSlashes
}

func anyOverlong(topics []string) bool {
	for _, t := range topics {
		if overlong(t) {
			return true
		}
	}
	return false
}

// unreachable reports whether no connection to the endpoint, or to the proxy, came about.
func (f *facts) unreachable() bool {
	if f.connected || f.http != nil || f.op != nil || f.code != nil {
		return false
	}
	if _, ok := errors.AsType[*CredentialsError](f.err); ok {
		return false
	}
	dial, ok := errors.AsType[*net.OpError](f.err)
	return ok && dial.Op == "dial" || errors.Is(f.err, mqtt.ErrConnectTimeout) || errors.Is(f.err, context.DeadlineExceeded)
}

// expired reports whether the device's certificate is past its time.
func (f *facts) expired() bool {
	return f.leaf != nil && !f.now.IsZero() && f.now.After(f.leaf.NotAfter)
}

// early reports whether the device's certificate is not yet valid: a clock that was never set has such a time.
func (f *facts) early() bool {
	return f.leaf != nil && !f.now.IsZero() && f.now.Before(f.leaf.NotBefore)
}

func (f *facts) proxy() (*direct.ProxyError, bool) { return errors.AsType[*direct.ProxyError](f.err) }

// fill puts what is known into a text.
func (f *facts) fill(text string) string {
	if !strings.Contains(text, "{") {
		return text
	}
	leaf := func(t func(*x509.Certificate) time.Time) string {
		if f.leaf == nil {
			return "unknown"
		}
		return t(f.leaf).UTC().Format(time.RFC3339)
	}
	return strings.NewReplacer(
		"{client}", strconv.Quote(f.clientID),
		"{host}", f.host.name,
		"{port}", strconv.Itoa(f.port),
		"{region}", f.region,
		"{topic}", strconv.Quote(f.topic()),
		"{filters}", strings.Join(quoted(f.filters()), ", "),
		"{payload}", strconv.Itoa(f.last.payload),
		"{skew}", skewText(f.skew),
		"{until}", leaf(func(c *x509.Certificate) time.Time { return c.NotAfter }),
		"{from}", leaf(func(c *x509.Certificate) time.Time { return c.NotBefore }),
		"{now}", f.now.UTC().Format(time.RFC3339),
		"{age}", f.age.Truncate(time.Second).String(),
	).Replace(text)
}

func skewText(d time.Duration) string {
	if d < 0 {
		return (-d).String() + " behind"
	}
	return d.String() + " ahead of"
}

func quoted(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strconv.Quote(s)
	}
	return out
}
