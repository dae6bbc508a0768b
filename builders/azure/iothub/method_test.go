package iothub

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// A handler that blocks keeps no other message from being acknowledged, and callers that cannot wait are told so.
func TestMethodBlocks(t *testing.T) {
	nobody := func(int) (int64, bool) { return 0, false }
	onHub(t, nobody, func(t *testing.T, h *twinHub, d *Device) {
		hold := make(chan struct{})
		ran := 0
		_, err := d.Methods(t.Context(), func(m Method) (int, any) {
			ran++
			if m.Name == "panic" {
				panic("secret")
			}
			if m.Name == "exit" {
				runtime.Goexit()
			}
			<-hold
			return 200, m.Name
		})
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		if _, err := d.Messages(t.Context(), func(Message) { got++ }); err != nil {
			t.Fatal(err)
		}
		post := func(id uint16, query string) {
			h.conn.Send(&packet.Publish{Topic: methodPrefix + query, QoS: 1, ID: id})
		}
		post(1, "slow/?$rid=first")
		synctest.Wait()
		for i := range maxCalls {
			post(uint16(2+i), fmt.Sprintf("slow/?$rid=%d", i))
		}
		post(100, "slow/?$rid=many")
		post(101, "slow/?")
		post(102, "?$rid=%zz")
		h.conn.Send(&packet.Publish{Topic: "devices/pump-7/messages/devicebound/", QoS: 1, ID: 103})
		time.Sleep(time.Second)
		seen := h.count()
		if seen.acks != 1+maxCalls+4 || got != 1 || seen.answers["429"] != 1 || len(seen.answers) != 1 || ran != 1 {
			t.Errorf("%+v, %d messages, ran %d times", seen, got, ran)
		}
		close(hold)
		synctest.Wait()
		post(104, "panic/?$rid=p")
		post(105, "exit/?$rid=e")
		post(106, "quick/?$rid=q")
		time.Sleep(time.Second)
		if seen := h.count(); seen.answers["200"] != 2+maxCalls || seen.answers["500"] != 2 || seen.acks != 1+maxCalls+7 {
			t.Errorf("%+v", seen)
		}
	})
}

// counted is what a hub has seen.
type counted struct {
	acks    int
	answers map[string]int // to methods, by status
}

func (h *twinHub) count() counted {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.seen
}

// note counts. h.mu is held.
func (h *twinHub) note(in packet.Packet) {
	switch in := in.(type) {
	case *packet.Puback:
		h.seen.acks++
	case *packet.Publish:
		if rest, ok := strings.CutPrefix(in.Topic, "$iothub/methods/res/"); ok {
			status, _, _ := strings.Cut(rest, "/")
			if h.seen.answers == nil {
				h.seen.answers = make(map[string]int)
			}
			h.seen.answers[status]++
		}
	}
}
