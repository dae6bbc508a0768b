package emulator_test

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/core/scram"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/memnet"
)

// scramServer is the server's side of SCRAM-SHA-256 (RFC 5802), with one user. It keeps no password.
type scramServer struct {
	user              string
	salt              []byte
	iterations        int
	stored, serverKey []byte
	open              map[broker.ConnID]string // the authentication message so far

	liar  atomic.Bool // it does not know its key
	steps int
	again int
}

func sum(key []byte, s string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(s))
	return h.Sum(nil)
}

func newScramServer(t *testing.T, user, password string) *scramServer {
	s := &scramServer{user: user, salt: []byte("0123456789abcdef"), iterations: 4096, open: map[broker.ConnID]string{}}
	salted, err := pbkdf2.Key(sha256.New, password, s.salt, s.iterations, 32)
	if err != nil {
		t.Fatal(err)
	}
	stored := sha256.Sum256(sum(salted, "Client Key"))
	s.stored, s.serverKey = stored[:], sum(salted, "Server Key")
	return s
}

// auth is the hook.
func (s *scramServer) auth(_ broker.Instant, c *broker.Client, step broker.AuthStep) broker.AuthDecision {
	s.steps++
	if step.Method != scram.Method {
		return broker.AuthDecision{Code: packet.BadAuthenticationMethod}
	}
	message, ok := s.open[c.Conn]
	if !ok {
		bare, _ := strings.CutPrefix(string(step.Data), "n,,")
		nonce, _ := strings.CutPrefix(bare, "n="+s.user+",r=")
		message = fmt.Sprintf("r=%s%d,s=%s,i=%d", nonce, c.Conn, base64.StdEncoding.EncodeToString(s.salt), s.iterations)
		s.open[c.Conn] = bare + "," + message
		return broker.AuthDecision{Code: packet.ContinueAuthentication, Data: []byte(message)}
	}
	delete(s.open, c.Conn)
	final, encoded, _ := strings.Cut(string(step.Data), ",p=")
	proof, err := base64.StdEncoding.DecodeString(encoded)
	message += "," + final
	signature := sum(s.stored, message)
	if err != nil || len(proof) != len(signature) {
		return broker.AuthDecision{Code: packet.NotAuthorized}
	}
	for i := range proof {
		proof[i] ^= signature[i]
	}
	if key := sha256.Sum256(proof); !hmac.Equal(key[:], s.stored) {
		return broker.AuthDecision{Code: packet.NotAuthorized}
	}
	if step.Again {
		s.again++
	}
	key := s.serverKey
	if s.liar.Load() {
		key = s.stored
	}
	return broker.AuthDecision{Data: []byte("v=" + base64.StdEncoding.EncodeToString(sum(key, message)))}
}

// scramClient connects a client to a server with SCRAM in a bubble.
func scramBubble(t *testing.T, password string, f func(t *testing.T, c *mqtt.Client, s *scramServer)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		side := newScramServer(t, "device", "right")
		network := memnet.New(memnet.Link{Latency: 10 * time.Millisecond}, 1)
		s, err := emulator.Start(emulator.Options{Profile: emulator.Generic, Mem: network, Hooks: broker.Hooks{Auth: side.auth}})
		if err != nil {
			t.Fatal(err)
		}
		a, err := scram.SHA256("device", password)
		if err != nil {
			t.Fatal(err)
		}
		c, err := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: s.Dial, Auth: a}, ClientID: "device"})
		if err != nil {
			t.Fatal(err)
		}
		f(t, c, side)
		_ = c.Close()
		<-c.Done()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Client and server prove themselves to each other at connect, and again every hour for a day.
//
// Conformance: MQTT-4.12.0-2, MQTT-4.12.0-3, MQTT-4.12.0-5, MQTT-4.12.1-1
func TestScram(t *testing.T) {
	scramBubble(t, "right", func(t *testing.T, c *mqtt.Client, s *scramServer) {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Connected(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 24 {
			time.Sleep(time.Hour)
			if err := c.Reauthenticate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Publish(t.Context(), mqtt.Publish{Topic: "t", QoS: 2}); err != nil {
				t.Fatal(err)
			}
		}
		if st := c.Stats(); st.Connects != 1 || s.again != 24 || s.steps != 50 {
			t.Errorf("%d connections, %d re-authentications, %d steps", st.Connects, s.again, s.steps)
		}
	})
}

// A client with the wrong password is refused, at connect.
//
// Conformance: MQTT-4.12.0-4
func TestScramWrongPassword(t *testing.T) {
	scramBubble(t, "wrong", func(t *testing.T, c *mqtt.Client, _ *scramServer) {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := c.Connected(ctx)
		if want := (&mqtt.ReasonError{Packet: packet.CONNACK, Code: packet.NotAuthorized}); !errors.Is(err, want) {
			t.Errorf("got %v", err)
		}
	})
}

// A server that does not know the password gets nothing but the proof that the client does; neither at connect, nor, one
// that has taken the place of the real one, on a live connection.
//
// Conformance: MQTT-4.12.1-2
func TestScramLyingServer(t *testing.T) {
	scramBubble(t, "right", func(t *testing.T, c *mqtt.Client, s *scramServer) {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Connected(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.liar.Store(true)
		if err := c.Reauthenticate(t.Context()); !errors.Is(err, scram.ErrServer) {
			t.Errorf("got %v", err)
		}
		time.Sleep(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := c.Connected(ctx); !errors.Is(err, scram.ErrServer) {
			t.Errorf("got %v", err)
		}
		if n := c.Stats().Connects; n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}
