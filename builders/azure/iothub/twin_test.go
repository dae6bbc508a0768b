package iothub

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	azureiot "github.com/gneiss-mqtt/gneiss-go/builders/azure"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// twinHub is a hub with one twin, of which a test decides what it answers.
type twinHub struct {
	mu   sync.Mutex
	conn *mqtttest.Conn
	asks int
	seen counted
	get  func(n int) (version int64, ok bool) // the desired version that request n gets; not ok: no answer
}

func (h *twinHub) serve(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.note(in)
	out := mqtttest.Answer(c, in)
	switch in := in.(type) {
	case *packet.Connect:
		h.conn = c
	case *packet.Publish:
		if !strings.HasPrefix(in.Topic, "$iothub/twin/GET/") {
			break
		}
		version, ok := h.get(h.asks)
		if h.asks++; ok {
			values, _ := url.ParseQuery(in.Topic[strings.Index(in.Topic, "?")+1:])
			out = append(out, &packet.Publish{Topic: answerPrefix + "200/?$rid=" + values.Get("$rid"),
				Payload: fmt.Appendf(nil, `{"desired":{"$version":%d},"reported":{"$version":1}}`, version)})
		}
	}
	return out
}

// patch tells the device a change.
func (h *twinHub) patch(query string) {
	h.mu.Lock()
	conn := h.conn
	h.mu.Unlock()
	conn.Send(&packet.Publish{Topic: desiredPrefix + "?" + query, Payload: []byte(`{}`)})
	synctest.Wait()
}

// onHub connects a device to a hub in a bubble.
func onHub(t *testing.T, get func(n int) (int64, bool), f func(t *testing.T, h *twinHub, d *Device)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mqtttest.NewPeer(t)
		p.Patience = 1000 * time.Hour
		h := &twinHub{get: get}
		p.Serve(h.serve)
		name := azureiot.Device{ID: "pump-7"}
		e, err := azureiot.IoTHub("hub.azure-devices.net", name, azureiot.SAS{Key: "AAAA", TTL: 1000 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		e.Dial = p.Dial
		c, err := mqtt.New(name.Defaults(mqtt.Config{Endpoint: e}))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			c.Close()
			<-c.Done()
		}()
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		f(t, h, New(c, name))
	})
}

// told collects what a watcher is told.
type told struct {
	mu   sync.Mutex
	list []string
}

func (l *told) add(d Desired) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, fmt.Sprint(d.Version, d.Whole))
}

func (l *told) want(t *testing.T, want ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if fmt.Sprint(l.list) != fmt.Sprint(want) {
		t.Errorf("told %v, want %v", l.list, want)
	}
}

// An answer that is lost is asked for again, however long the watch may last.
func TestLostAnswers(t *testing.T) {
	lost := map[int]bool{0: true, 2: true, 3: true, 5: true} // 2 is asked because the client may have reconnected meanwhile
	versions := func(n int) (int64, bool) { return int64(5 + n), !lost[n] }
	onHub(t, versions, func(t *testing.T, h *twinHub, d *Device) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Hour)
		defer cancel()
		var l told
		begin := time.Now()
		if err := d.WatchDesired(ctx, l.add); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > 2*time.Minute {
			t.Errorf("it took %v", took)
		}
		synctest.Wait()
		l.want(t, "6 true")
		time.Sleep(5 * time.Minute)
		l.want(t, "6 true", "9 true")
		h.conn.Cut()
		time.Sleep(5 * time.Minute)
		l.want(t, "6 true", "9 true", "11 true")
	})
}

// A change is not repeated, because another may have followed; that the hub does not answer is told in a minute.
func TestReportUnanswered(t *testing.T) {
	onHub(t, func(int) (int64, bool) { return 0, false }, func(t *testing.T, h *twinHub, d *Device) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Hour)
		defer cancel()
		begin := time.Now()
		_, err := d.Report(ctx, map[string]int{"speed": 3})
		if took := time.Since(begin); !errors.Is(err, ErrNoAnswer) || took > 2*time.Minute {
			t.Errorf("%v after %v", err, took)
		}
		over := make(chan error, 1)
		go func() {
			_, err := d.Twin(ctx)
			over <- err
		}()
		time.Sleep(time.Hour)
		d.Client().Close()
		if err := <-over; !errors.Is(err, mqtt.ErrClosed) {
			t.Errorf("the client was closed: %v", err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.asks < 100 || len(d.pending) != 0 {
			t.Errorf("asked %d times, %d requests are left", h.asks, len(d.pending))
		}
	})
}

// Changes that are old, come twice, are missing, or say no version.
func TestVersionsOutOfOrder(t *testing.T) {
	answers := []int64{5, 5, 8, 8, 11, 11, 3, 3, 3, 3, 3, 3, 2}
	onHub(t, func(n int) (int64, bool) { return answers[min(n, len(answers)-1)], true }, func(t *testing.T, h *twinHub, d *Device) {
		var l told
		if err := d.WatchDesired(t.Context(), l.add); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			query string
			want  string // told on top; empty: nothing
		}{
			{"$version=5", ""},
			{"$version=4", ""},
			{"$version=-9", ""},
			{"$version=6", "6 false"},
			{"$version=6", ""},
			{"$version=8", "8 true"}, // 7 is missing
			{"$version=7", ""},
			{"", ""},           // as good as missing; read, and no other
			{"%zz", "11 true"}, // the same, and there is another
			{"$version=x", ""}, // read again
			{"$version=12", "12 false"},
			{"$version=", "3 true"}, // all that is read, again and again: the twin is another
		} {
			n := len(l.list)
			h.patch(step.query)
			time.Sleep(time.Minute)
			l.mu.Lock()
			got := strings.Join(l.list[n:], ", ")
			l.mu.Unlock()
			if got != step.want {
				t.Errorf("%s: told %q, want %q", step.query, got, step.want)
			}
		}
	})
}

// A hub that answers with a twin that is older than the change it has just told is asked again.
func TestStaleAnswer(t *testing.T) {
	answers := []int64{5, 5, 4, 6, 8}
	onHub(t, func(n int) (int64, bool) { return answers[min(n, len(answers)-1)], true }, func(t *testing.T, h *twinHub, d *Device) {
		var l told
		if err := d.WatchDesired(t.Context(), l.add); err != nil {
			t.Fatal(err)
		}
		h.patch("$version=8")
		time.Sleep(5 * time.Minute)
		l.want(t, "5 true", "8 true")
		h.patch("$version=9")
		l.want(t, "5 true", "8 true", "9 false")
	})
}
