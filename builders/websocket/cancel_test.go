package mqttws_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
)

// Every stage of an attempt ends with its context, be it cancelled or past its deadline.
func TestCancel(t *testing.T) {
	t.Parallel()
	cert := selfSigned(t)
	silence := func(reached chan<- struct{}) func(net.Conn) {
		return func(conn net.Conn) {
			reached <- struct{}{}
			_, _ = io.Copy(io.Discard, conn) // reads all and never answers
		}
	}
	stages := map[string]func(reached chan<- struct{}) (address string, opts func(*mqttws.Options)){
		"prepare": func(reached chan<- struct{}) (string, func(*mqttws.Options)) {
			return "ws://127.0.0.1:1", func(o *mqttws.Options) {
				o.Prepare = func(ctx context.Context, _ *mqttws.Request) error {
					reached <- struct{}{}
					<-ctx.Done()
					return ctx.Err()
				}
			}
		},
		"TCP": func(reached chan<- struct{}) (string, func(*mqttws.Options)) {
			return "ws://127.0.0.1:1", below(func(o *direct.Options) {
				o.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
					reached <- struct{}{}
					<-ctx.Done()
					return nil, ctx.Err()
				}
			})
		},
		"proxy": func(reached chan<- struct{}) (string, func(*mqttws.Options)) {
			at := serve(t, silence(reached))
			return "wss://broker.invalid", below(func(o *direct.Options) {
				o.Proxy = direct.ProxyURL(&url.URL{Scheme: "http", Host: at})
			})
		},
		"TLS": func(reached chan<- struct{}) (string, func(*mqttws.Options)) {
			return "wss://" + serve(t, silence(reached)), nil
		},
		"upgrade": func(reached chan<- struct{}) (string, func(*mqttws.Options)) {
			return "ws://" + serve(t, silence(reached)), nil
		},
		"upgrade behind TLS": func(reached chan<- struct{}) (string, func(*mqttws.Options)) {
			config := &tls.Config{Certificates: []tls.Certificate{cert}}
			return "wss://" + serve(t, func(conn net.Conn) {
				secure := tls.Server(conn, config)
				if secure.Handshake() == nil {
					silence(reached)(secure)
				}
			}), below(trust(cert))
		},
		"half of an answer": func(reached chan<- struct{}) (string, func(*mqttws.Options)) {
			return "ws://" + serve(t, func(conn net.Conn) {
				_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching")
				silence(reached)(conn)
			}), nil
		},
	}
	for name, stage := range stages {
		for _, how := range []string{"cancelled", "deadline"} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				reached := make(chan struct{}, 1)
				address, opts := stage(reached)
				endpoint, err := mqttws.URL(address, opts)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				want := context.Canceled
				if how == "deadline" {
					ctx, cancel = context.WithTimeout(t.Context(), 30*time.Millisecond)
					want = context.DeadlineExceeded
				}
				defer cancel()
				result := make(chan error, 1)
				go func() {
					_, err := endpoint.Dial(ctx)
					result <- err
				}()
				if how == "cancelled" {
					<-reached
					cancel()
				}
				select {
				case err := <-result:
					if !errors.Is(err, want) || !strings.HasPrefix(err.Error(), "mqttws: ") {
						t.Errorf("got %v, want %v", err, want)
					}
				case <-time.After(limit):
					t.Error("Dial does not return")
				}
			})
		}
	}
}

// The context of an attempt is not that of the connection.
func TestContextEndsAfterTheDial(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	endpoint, err := mqttws.URL("ws://" + serveWS(t, echo))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := endpoint.Dial(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	cancel()
	exchange(t, conn)
}
