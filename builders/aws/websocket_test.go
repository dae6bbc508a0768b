package awsiot_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// vault gives out credentials, and makes new ones when it is told to.
type vault struct {
	mu      sync.Mutex
	current aws.Credentials
	asked   int
}

func newVault() *vault {
	return &vault{current: aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "first", SessionToken: "a/token+with=signs"}}
}

func (v *vault) Retrieve(context.Context) (aws.Credentials, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked++
	return v.current, nil
}

// rotate makes the credentials that were given out void.
func (v *vault) rotate(secret string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.current.SecretAccessKey = secret
}

func (v *vault) requests() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.asked
}

// gatekeeper verifies signatures with what the vault has now, and refuses as the service does.
func (v *vault) gatekeeper(t *testing.T, region string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		v.mu.Lock()
		verifier := awsiot.Verifier{Keys: v.current, Region: region}
		v.mu.Unlock()
		if r.URL.Path != "/mqtt" || r.Header.Get("Sec-WebSocket-Protocol") != "mqtt" {
			t.Errorf("request %s with %v", r.RequestURI, r.Header)
		}
		if verifier.Check(r.Host, r.URL.RawQuery) == nil {
			return true
		}
		w.Header().Set("X-Amzn-Errortype", "ForbiddenException")
		http.Error(w, `{"message":"Forbidden"}`, http.StatusForbidden)
		return false
	}
}

func TestWebSocket(t *testing.T) {
	t.Parallel()
	s, v := newService(t), newVault()
	s.upgrade = v.gatekeeper(t, "eu-west-1")
	for name, c := range map[string]struct {
		endpoint string
		port     int
	}{
		"default port": {dataName, 0},
		"port":         {dataName + ":8443", 0},
		"option":       {dataName + ":8443", 9443},
	} {
		endpoint, err := awsiot.WebSocket(aws.Config{Credentials: v, Region: "us-east-1"}, c.endpoint, s.options, func(o *awsiot.Options) { o.Port = c.port })
		if err != nil {
			t.Fatal(err)
		}
		client := s.client(endpoint)
		conn, connect := s.peer.Connect(new(packet.Connack))
		if connect.HasUsername || connect.ClientID != "pump-7" {
			t.Errorf("%s: CONNECT %+v", name, connect)
		}
		go func() {
			_, _ = client.Publish(t.Context(), mqtt.Publish{Topic: "a", QoS: 1, Payload: make([]byte, 100_000)})
		}()
		mqtttest.Expect[packet.Publish](conn)
		_ = client.Close()
		<-client.Done()
	}
	for _, h := range s.hellos() {
		if h.name != dataName || h.protocols != nil || h.cert != nil {
			t.Errorf("the service saw %+v", h)
		}
	}
	if dialled := s.dialled(); !slices.Equal(slices.Sorted(slices.Values(dialled)), []string{dataName + ":443", dataName + ":8443", dataName + ":9443"}) {
		t.Errorf("dialled %q", dialled)
	}
}

// The region is that of the endpoint's name, unless an option says otherwise; a custom domain has the configuration's.
func TestRegionToSignFor(t *testing.T) {
	t.Parallel()
	s, v := newService(t), newVault()
	var region string
	s.upgrade = func(w http.ResponseWriter, r *http.Request) bool {
		region = strings.Split(r.FormValue("X-Amz-Credential"), "/")[2]
		http.Error(w, "no", http.StatusTeapot)
		return false
	}
	for _, c := range []struct{ endpoint, configured, option, want string }{
		{dataName, "us-east-1", "", "eu-west-1"},
		{dataName, "", "", "eu-west-1"},
		{dataName, "us-east-1", "ap-south-1", "ap-south-1"},
		{"localhost", "us-east-1", "", "us-east-1"},
		{"localhost", "us-east-1", "ap-south-1", "ap-south-1"},
	} {
		endpoint, err := awsiot.WebSocket(aws.Config{Credentials: v, Region: c.configured}, c.endpoint, s.options, func(o *awsiot.Options) { o.Region = c.option })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := endpoint.Dial(short(t)); err == nil || region != c.want {
			t.Errorf("%+v: signed for %s, %v", c, region, err)
		}
	}
	for want, cfg := range map[string]aws.Config{"no Credentials": {Region: "x"}, "no region to sign for": {Credentials: v}} {
		if _, err := awsiot.WebSocket(cfg, "localhost"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

// Credentials that were replaced while the device was connected: the first attempt afterwards is refused, the next one has
// the new ones, and the session goes on.
func TestSessionSurvivesRotation(t *testing.T) {
	t.Parallel()
	s, v := newService(t), newVault()
	s.upgrade = v.gatekeeper(t, "eu-west-1")
	endpoint, err := awsiot.WebSocket(aws.Config{Credentials: v}, dataName, s.options)
	if err != nil {
		t.Fatal(err)
	}
	f := newFailures()
	client := s.client(endpoint, f.trace)
	conn, connect := s.peer.Connect(new(packet.Connack))
	if connect.SessionExpiry != 3600 || connect.CleanStart {
		t.Errorf("CONNECT %+v", connect)
	}
	result := make(chan error, 1)
	go func() {
		_, err := client.Publish(short(t), mqtt.Publish{Topic: "a", QoS: 1})
		result <- err
	}()
	first := mqtttest.Expect[packet.Publish](conn)
	v.rotate("second")
	conn.Cut()
	if err := <-f; !errors.Is(err, mqtt.ErrConnectionLost) {
		t.Errorf("the connection ended with %v", err)
	}
	if r := f.refusal(t, awsiot.CauseSignature); !strings.Contains(r.Error(), "403 Forbidden") {
		t.Errorf("got %v", r)
	}
	conn, _ = s.peer.Connect(&packet.Connack{SessionPresent: true})
	again := mqtttest.Expect[packet.Publish](conn)
	if again.ID != first.ID || !again.Dup {
		t.Errorf("sent again as %+v", again)
	}
	conn.Send(&packet.Puback{Ack: packet.Ack{ID: again.ID}})
	if err := <-result; err != nil {
		t.Error(err)
	}
	if n := v.requests(); n != 2 {
		t.Errorf("the provider was asked %d times, want 2", n)
	}
}

// What the service answers to a request that it does not take, and what stands behind it.
func TestUpgradeThatIsRefused(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		status    int
		errorType string
		date      time.Time
		cause     awsiot.Cause
		want      string
	}{
		"signature":   {403, "ForbiddenException", now, awsiot.CauseSignature, "eu-west-1: it has to be the one of the endpoint"},
		"clock ahead": {403, "ForbiddenException", now.Add(-10 * time.Minute), awsiot.CauseClock, "10m0s ahead of the service's"},
		"clock late":  {403, "ForbiddenException", now.Add(7 * time.Hour), awsiot.CauseClock, "7h0m0s behind the service's"},
		"expired":     {403, "ExpiredTokenException:http://internal.amazon.com/", now, awsiot.CauseCredentials, "have expired"},
		"unknown key": {403, "UnrecognizedClientException", now, awsiot.CauseCredentials, "are not known"},
		"not there":   {404, "", now, awsiot.CauseName, "no MQTT over WebSocket"},
		"throttled":   {429, "TooManyRequestsException", now, awsiot.CauseQuota, "takes no more connections"},
		"broken":      {500, "InternalFailure", now, awsiot.CauseService, "a problem of its own"},
		"portal":      {200, "", now, awsiot.CauseNetwork, "something else than AWS IoT Core"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			s.upgrade = func(w http.ResponseWriter, r *http.Request) bool {
				if r.FormValue("X-Amz-Date") != "20260301T120000Z" {
					t.Errorf("signed at %s", r.FormValue("X-Amz-Date"))
				}
				w.Header().Set("Date", c.date.Format(http.TimeFormat))
				if c.errorType != "" {
					w.Header().Set("x-amzn-ErrorType", c.errorType)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, r.URL.RawQuery) // with the session token
				return false
			}
			endpoint, err := awsiot.WebSocket(aws.Config{Credentials: newVault()}, dataName, s.options, func(o *awsiot.Options) {
				o.Now = func() time.Time { return now }
			})
			if err != nil {
				t.Fatal(err)
			}
			f := newFailures()
			s.client(endpoint, f.trace)
			r := f.refusal(t, c.cause)
			if e, ok := errors.AsType[*mqttws.HandshakeError](r); !ok || e.StatusCode != c.status || !strings.Contains(r.Error(), c.want) {
				t.Errorf("got %v, want %q", r, c.want)
			}
			if strings.Contains(r.Error(), "a/token") || strings.Contains(r.Error(), "a%2Ftoken") {
				t.Errorf("the error tells the session token: %v", r)
			}
		})
	}
}

// Nothing is sent where there is nothing to sign with.
func TestNoCredentials(t *testing.T) {
	t.Parallel()
	s := newService(t)
	gone := errors.New("the role is gone")
	endpoint, err := awsiot.WebSocket(aws.Config{Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, gone
	})}, dataName, s.options)
	if err != nil {
		t.Fatal(err)
	}
	f := newFailures()
	s.client(endpoint, f.trace)
	if r := f.refusal(t, awsiot.CauseCredentials); !errors.Is(r, gone) {
		t.Errorf("got %v", r)
	}
	if dialled := s.dialled(); len(dialled) > 0 {
		t.Errorf("dialled %q", dialled)
	}
}

// A proxy in between changes nothing, nor do headers and parameters of the application's own.
func TestWebSocketThroughAProxy(t *testing.T) {
	t.Parallel()
	s, v := newService(t), newVault()
	keep := v.gatekeeper(t, "eu-west-1")
	s.upgrade = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("X-Own") != "header" || r.FormValue("own") != "a b" {
			t.Errorf("request %s with %v", r.RequestURI, r.Header)
		}
		return keep(w, r)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 1)
	var running sync.WaitGroup
	running.Go(func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		r := bufio.NewReader(conn)
		request, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		asked <- request.Method + " " + request.RequestURI
		out, err := net.Dial("tcp", s.addr)
		if err != nil {
			return
		}
		defer out.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		running.Go(func() {
			_, _ = io.Copy(out, r)
			_ = out.Close()
		})
		_, _ = io.Copy(conn, out)
	})
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	endpoint, err := awsiot.WebSocket(aws.Config{Credentials: v}, dataName, func(o *awsiot.Options) {
		o.RootCAs = []direct.PEM{direct.Bytes(s.ca.pem)}
		o.Direct = func(d *direct.Options) {
			d.Proxy = direct.ProxyURL(&url.URL{Scheme: "http", Host: l.Addr().String()})
		}
		o.WebSocket = func(w *mqttws.Options) {
			w.Header = http.Header{"X-Own": {"header"}}
			w.Prepare = func(_ context.Context, r *mqttws.Request) error {
				r.URL.RawQuery = "own=a%20b"
				return nil
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	client := s.client(endpoint)
	s.peer.Connect(new(packet.Connack))
	if _, err := client.Connected(short(t)); err != nil {
		t.Error(err)
	}
	if got := <-asked; got != "CONNECT "+dataName+":443" {
		t.Errorf("the proxy was asked to %s", got)
	}
}
