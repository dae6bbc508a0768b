package interop

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/interop/internal/broker"
)

// killing is a broker and a process with a client, both of which are killed while messages flow both ways between that
// client and another one, in the process of the test.
type killing struct {
	broker   *broker.Broker
	dir      string // of the session store
	perLane  int
	up, down *ledger
	child    *mortal
	restored atomic.Int64

	deaths  []absence   // of the broker
	endings []time.Time // of lives of the other process
}

// absence is from when to when a broker was dead, and what Mosquitto had on disk then.
type absence struct {
	from, to time.Time
	stored   []byte
}

func (k *killing) life() int { return len(k.endings) }

func (k *killing) sentUp(lane int) int {
	k.up.mu.Lock()
	defer k.up.mu.Unlock()
	return k.up.promised[lane]
}

// killSize returns how many messages flow and how often something is killed.
func killSize() (messages, kills int) {
	if os.Getenv("GNEISS_LONG") == "1" {
		return 100_000, 24
	}
	return 4_000, 6
}

// TestKilled kills the broker and the client's process in turn, and both at once. Everything the client has promised
// arrives. With the emulator, which keeps what it has acknowledged, the counts are exact; Mosquitto writes what it has
// acknowledged a moment later, so that SIGKILL may lose that, and repeat what it had forgotten to be over. Whatever is
// missing there must have been in its hands when it was killed, and at QoS 1 not on its disk.
func TestKilled(t *testing.T) {
	t.Parallel()
	for _, kind := range []broker.Kind{broker.Emulator, broker.Mosquitto} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			messages, kills := killSize()
			k := &killing{
				broker: broker.Start(t, kind, broker.Options{Durable: true, ReceiveMaximum: 100}), dir: t.TempDir(),
				perLane: messages / (2 * lanes), up: newLedger("up"), down: newLedger("down"),
			}
			began := time.Now()
			k.run(t, kills)
			t.Logf("%d messages, %d deaths of the broker, %d of the process, %d messages restored, in %.1f s",
				messages, len(k.deaths), len(k.endings), k.restored.Load(), time.Since(began).Seconds())
			k.judge(t)
		})
	}
}

func (k *killing) run(t *testing.T, kills int) {
	peer := k.peer(t)
	k.bear(t)
	t.Cleanup(func() {
		_ = k.child.cmd.Process.Kill() // where the test has failed
		<-k.child.read
		_ = k.child.cmd.Wait()
	})
	if k.broker.Kind == broker.Mosquitto {
		k.broker.AwaitSaved(t, "down/#") // the subscription
	}
	var sending sync.WaitGroup
	defer sending.Wait()
	for lane := range lanes {
		sending.Go(func() { k.sendDown(t, peer, lane) })
	}
	total := 2 * lanes * k.perLane
	for n := range kills {
		eventuallyWithin(t, killLimit, "enough has been sent for the next kill", func() bool {
			return k.up.count()+k.down.count() >= (n+1)*total/(kills+1)
		})
		if n%3 != 1 {
			k.broker.Kill(t)
			k.deaths = append(k.deaths, absence{from: time.Now()})
			if k.broker.Kind == broker.Mosquitto {
				k.deaths[len(k.deaths)-1].stored = k.broker.Stored(t)
			}
		}
		if n%3 != 0 {
			k.child.kill(t)
			k.endings = append(k.endings, time.Now())
			k.down.died()
			k.bear(t)
		}
		if n%3 != 1 {
			k.broker.Restart(t)
			k.deaths[len(k.deaths)-1].to = time.Now()
		}
	}
	eventuallyWithin(t, killLimit, "everything is sent", func() bool { return k.up.count()+k.down.count() >= total })
	sending.Wait()
	k.child.finish(t)
	for lane := range lanes {
		must(t, peer.Enqueue(within(t), mqtt.Publish{Topic: laneEnd("down", lane), QoS: laneQoS(lane)}))
	}
	eventuallyWithin(t, killLimit, "the ends have arrived", func() bool { return k.up.complete() && k.down.complete() })
	k.child.shutDown(t)
	must(t, peer.Shutdown(within(t)))
	t.Logf("the peer took %d messages at QoS 2 for duplicates", peer.Stats().Duplicates)
}

// killLimit is generous: the store waits for the disk.
const killLimit = 5 * time.Minute

func eventuallyWithin(t testing.TB, most time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(most); !ok(); elapse(t, time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v still not: %s", most, what)
		}
	}
}

// peer is the client of this process.
func (k *killing) peer(t testing.TB) *mqtt.Client {
	t.Helper()
	endpoint, err := direct.URL("mqtt://" + k.broker.TCP)
	must(t, err)
	peer, err := mqtt.New(mqtt.Config{
		Endpoint: endpoint, ClientID: "kill-peer", SessionExpiry: time.Hour,
		Reconnect: mqtt.Backoff{Min: 10 * time.Millisecond, Max: 50 * time.Millisecond},
	})
	must(t, err)
	must(t, peer.Start())
	t.Cleanup(func() { _ = peer.Close() })
	_, err = peer.SubscribeFunc(within(t), func(m mqtt.Message) { k.up.arrive(m.Topic, m.Duplicate) },
		mqtt.Filter{Filter: "up/#", QoS: packet.QoS2})
	must(t, err)
	return peer
}

// sendDown sends one lane to the other process, not too far ahead of it.
func (k *killing) sendDown(t *testing.T, peer *mqtt.Client, lane int) {
	room := make(chan struct{}, queueLimit/lanes)
	for n := range k.perLane {
		for deadline := time.Now().Add(3 * time.Second); k.down.behind(lane) > 5*queueLimit/lanes && time.Now().Before(deadline); {
			select {
			case <-time.After(time.Millisecond):
			case <-t.Context().Done():
				return
			}
		}
		select {
		case room <- struct{}{}:
		case <-t.Context().Done():
			return
		}
		p := mqtt.Publish{Topic: killTopic("down", lane, 0, n), QoS: laneQoS(lane), Payload: []byte(killPayload)}
		err := peer.PublishAsync(p, func(_ mqtt.PublishResult, err error) {
			if _, refused := errors.AsType[*mqtt.ReasonError](err); refused {
				k.down.refuse(p.Topic)
			} else if err != nil {
				t.Error(err)
			}
			k.down.acknowledged(p.Topic)
			<-room
		})
		if err != nil {
			t.Error(err)
			return
		}
		k.down.promise(p.Topic)
	}
}
