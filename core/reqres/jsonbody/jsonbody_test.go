package jsonbody_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres/jsonbody"
)

// reading is what a service of these tests sends.
type reading struct {
	Value   float64
	Note    *string
	At      time.Time
	Unknown map[string]json.RawMessage
}

func (r *reading) UnmarshalJSON(b []byte) (err error) {
	*r = reading{}
	r.Unknown, err = jsonbody.Members(b, map[string]any{"value": &r.Value, "note": &r.Note, "at": (*jsonbody.Seconds)(&r.At)})
	return err
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for payload, ok := range map[string]bool{
		`{"value":1.5,"note":"x","at":1700000000.9,"more":[1]}`: true,
		`{}`:                                     true,
		`{"value":null,"note":null,"at":null}`:   true,
		`{"Value":"not the one"}`:                true,
		``:                                       false,
		`null`:                                   false,
		`[]`:                                     false,
		`{"value":"much"}`:                       false,
		`{"at":-1}`:                              false,
		`{"at":1e99}`:                            false,
		`{"at":"today"}`:                         false,
		`{} {}`:                                  false,
		`{"more":` + strings.Repeat("[", 20_000): false,
	} {
		var r reading
		err := jsonbody.Decode([]byte(payload), &r)
		if (err == nil) != ok {
			t.Errorf("%.40q: %v", payload, err)
		}
		if malformed, is := errors.AsType[*jsonbody.MalformedError](err); err != nil &&
			(!is || len(malformed.Payload) > 256 || !strings.HasPrefix(payload, string(malformed.Payload)) || errors.Unwrap(err) == nil) {
			t.Errorf("%.40q: %v", payload, err)
		}
		if strings.Contains(payload, "more") && ok && (r.Value != 1.5 || *r.Note != "x" || r.At.UnixNano() != 1700000000e9 ||
			len(r.Unknown) != 1 || string(r.Unknown["more"]) != "[1]") {
			t.Errorf("%s: got %+v", payload, r)
		}
		if payload == `{}` && r.Unknown != nil {
			t.Errorf("got %v", r.Unknown)
		}
	}
}

func TestOpenStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		peer := mqtttest.NewPeer(t)
		conns := make(chan *mqtttest.Conn, 1)
		peer.Serve(func(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
			if _, ok := in.(*packet.Subscribe); ok {
				conns <- c
			}
			return mqtttest.Answer(c, in)
		})
		m, err := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: peer.Dial}, ClientID: "c"})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			m.Close()
			<-m.Done()
		}()
		var got []float64
		bad, established := 0, false
		_, err = jsonbody.OpenStream(t.Context(), reqres.New(m), "readings/+", func(r *reading) { got = append(got, r.Value) },
			jsonbody.StreamOptions{
				Malformed: func(*jsonbody.MalformedError) { bad++ },
				Event:     func(e reqres.StreamEvent) { established = established || e.Status == reqres.Established },
			})
		if err != nil {
			t.Fatal(err)
		}
		conn := <-conns
		for _, payload := range []string{`{"value":1}`, `oops`, `{"value":2}`} {
			conn.Send(&packet.Publish{Topic: "readings/a", Payload: []byte(payload)})
		}
		synctest.Wait()
		if len(got) != 2 || got[0] != 1 || got[1] != 2 || bad != 1 || !established {
			t.Errorf("got %v, %d malformed, established %v", got, bad, established)
		}
	})
}
