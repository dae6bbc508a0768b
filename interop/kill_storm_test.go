package interop

import (
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/memnet"
)

// attempts notes when clients dial.
type attempts struct {
	began time.Time
	mu    sync.Mutex
	times []time.Duration
}

func (a *attempts) note() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times = append(a.times, time.Since(a.began))
}

// windows counts attempts per window, from one time on.
func (a *attempts) windows(from, window time.Duration) []int {
	a.mu.Lock()
	defer a.mu.Unlock()
	var counts []int
	for _, at := range a.times {
		if at < from {
			continue
		}
		i := int((at - from) / window)
		for len(counts) <= i {
			counts = append(counts, 0)
		}
		counts[i]++
	}
	return counts
}

// TestConnectStorm restarts the broker of three thousand clients. They come back spread over the time of the backoff, not
// all at once, and all of them. The time is that of a bubble: the machine's load bunches nothing.
func TestConnectStorm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, storm)
}

func storm(t *testing.T) {
	const (
		clients = 3000
		spread  = 2 * time.Second // the first backoff
		window  = 100 * time.Millisecond
	)
	network := memnet.New(memnet.Link{}, 1)
	srv, err := emulator.Start(emulator.Options{Profile: emulator.Generic, Mem: network})
	must(t, err)
	defer srv.Close()
	a := &attempts{began: time.Now()}
	var back atomic.Int64
	for n := range clients {
		client, err := mqtt.New(mqtt.Config{
			Endpoint: mqtt.Endpoint{Name: "storm", Dial: func(ctx context.Context) (net.Conn, error) {
				a.note()
				return srv.Dial(ctx)
			}},
			ClientID: "storm-" + itoa(n), SessionExpiry: time.Hour,
			Reconnect: mqtt.Backoff{Min: spread, Max: 4 * spread},
			Trace:     &mqtt.Trace{Connected: func(mqtt.Session) { back.Add(1) }},
		})
		must(t, err)
		must(t, client.Start())
		t.Cleanup(func() {
			_ = client.Close()
			<-client.Done()
		})
	}
	eventually(t, "all are connected", func() bool { return srv.Stats().Connected == clients && back.Load() == clients })

	from := time.Since(a.began)
	must(t, srv.Kill())
	must(t, srv.Restart(emulator.KeepSessions))
	eventually(t, "all are connected again", func() bool { return srv.Stats().Connected == clients && back.Load() == 2*clients })
	counts := a.windows(from, window)
	total := 0
	for _, n := range counts {
		total += n
	}
	most := slices.Max(counts)
	t.Logf("%d attempts, per %v: %v", total, window, counts)
	// Evenly spread there are 150 in a window; a binomial distribution has more than 300 with a probability below 1e-9.
	if even := clients * int(window) / int(spread); most > 2*even {
		t.Errorf("%d attempts within %v, evenly spread were %d", most, window, even)
	}
	if total > clients*3/2 {
		t.Errorf("%d attempts of %d clients, though the broker was back at once", total, clients)
	}
	if len(counts) < int(spread/window)*9/10 {
		t.Errorf("all attempts within %v", time.Duration(len(counts))*window)
	}
}
