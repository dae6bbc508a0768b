package interop

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/filestore"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// killChild holds the setup of the other process; set, the test binary is that process.
const killChild = "GNEISS_KILL_CHILD"

// childSetup is what a life of the other process is told.
type childSetup struct {
	URL, Dir string
	Life     int
	Messages []int // to send, per lane
}

// lanes are the streams in each direction; each has a goroutine that sends, in order. The even ones are at QoS 1, the
// odd ones at QoS 2.
const lanes = 8

func laneQoS(lane int) packet.QoS { return packet.QoS(1 + lane%2) }

// killTopic is different for each message, so that an acknowledgement tells which it was for.
func killTopic(direction string, lane, life, n int) string {
	return fmt.Sprintf("%s/%d/%d/%d", direction, lane, life, n)
}

// killPayload stands behind the topic of every message, in Mosquitto's file as on the wire.
const killPayload = "payload"

// laneEnd is the last topic of a lane.
func laneEnd(direction string, lane int) string { return fmt.Sprintf("%s/%d/end", direction, lane) }

// queueLimit keeps the senders close to what is acknowledged, so that kills hit messages under way.
const queueLimit = 200

// init runs before the tests and in place of them.
func init() {
	text := os.Getenv(killChild)
	if text == "" {
		return
	}
	var s childSetup
	err := json.Unmarshal([]byte(text), &s)
	if err == nil {
		err = s.run()
	}
	if err != nil {
		fmt.Println("failed", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run says what happens, a line each: what is stored, what is acknowledged, what has arrived. Each line is written at
// once, so that a kill loses none.
func (s childSetup) run() error {
	store, err := filestore.Open(s.Dir)
	if err != nil {
		return err
	}
	endpoint, err := direct.URL(s.URL)
	if err != nil {
		return err
	}
	client, err := mqtt.New(mqtt.Config{
		Endpoint: endpoint, ClientID: "kill-child", SessionExpiry: time.Hour, Session: store,
		Queue:     mqtt.QueueLimit{Count: queueLimit},
		Reconnect: mqtt.Backoff{Min: 10 * time.Millisecond, Max: 50 * time.Millisecond},
		Trace: &mqtt.Trace{
			Delivered: func(topic string, err error) {
				if _, refused := errors.AsType[*mqtt.ReasonError](err); refused {
					fmt.Println("refused", topic)
				} else if err != nil {
					fmt.Println("failed", topic, err)
				}
				fmt.Println("acked", topic)
			},
			StoreFailed: func(err error) { fmt.Println("failed", err) },
		},
		Handler: func(m mqtt.Message) { fmt.Println("got", m.Topic, m.Duplicate) },
	})
	if err != nil {
		return errors.Join(err, store.Close())
	}
	fmt.Println("restored", client.Stats().Restored)
	if err := client.Start(); err != nil {
		return err
	}
	ctx := context.Background()
	if s.Life == 0 {
		// What it brings is for the handler above, as in later lives, which have the session and do not subscribe.
		_, err = client.SubscribeFunc(ctx, func(m mqtt.Message) { fmt.Println("got", m.Topic, m.Duplicate) },
			mqtt.Filter{Filter: "down/#", QoS: packet.QoS2})
		if err != nil {
			return err
		}
	}
	fmt.Println("ready")
	if err := s.send(ctx, client); err != nil {
		return err
	}
	// The first line of the standard input asks for the ends, the end of it for a shutdown.
	in := bufio.NewScanner(os.Stdin)
	if in.Scan() {
		for lane := range lanes {
			if err := client.Enqueue(ctx, mqtt.Publish{Topic: laneEnd("up", lane), QoS: laneQoS(lane)}); err != nil {
				return err
			}
		}
	}
	if in.Scan() {
		return errors.New("told too much")
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return client.Shutdown(ctx)
}

func (s childSetup) send(ctx context.Context, client *mqtt.Client) error {
	errs := make([]error, lanes)
	var wg sync.WaitGroup
	for lane := range lanes {
		wg.Go(func() {
			for n := range s.Messages[lane] {
				p := mqtt.Publish{Topic: killTopic("up", lane, s.Life, n), QoS: laneQoS(lane), Payload: []byte(killPayload)}
				if errs[lane] = client.Enqueue(ctx, p); errs[lane] != nil {
					return
				}
				fmt.Println("stored", p.Topic)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
