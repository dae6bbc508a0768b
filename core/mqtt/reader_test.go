package mqtt_test

import (
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

var goroutineID = regexp.MustCompile(`^goroutine (\d+) .*(synctest bubble \d+)`)

// reader returns which goroutine of this bubble reads for the client.
func reader(t *testing.T) (id string) {
	t.Helper()
	synctest.Wait()
	buf := make([]byte, 16<<20)
	stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	own := goroutineID.FindStringSubmatch(stacks[0])
	for _, s := range stacks {
		if m := goroutineID.FindStringSubmatch(s); m != nil && m[2] == own[2] && strings.Contains(s, "(*link).readSmall") {
			if id != "" {
				t.Error("two readers")
			}
			id = m[1]
		}
	}
	if id == "" {
		t.Error("no reader")
	}
	return id
}

// What reads on an idle connection is a goroutine that has read nothing so far: its stack is as small as can be. While
// there is traffic it stays the same.
func TestIdleReaderIsFresh(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		_, conn := connect(t, p, func(c *mqtt.Config) { c.Handler = func(mqtt.Message) {} })
		last := reader(t)
		for range 3 {
			mqtttest.Expect[packet.Pingreq](conn)
			conn.Send(new(packet.Pingresp))
			if id := reader(t); id == last {
				t.Error("the same goroutine reads after a minute of silence")
			} else {
				last = id
			}
			for range 5 {
				time.Sleep(5 * time.Second)
				conn.Send(message("t", "x", 0, 0))
			}
			if id := reader(t); id != last {
				t.Error("another goroutine reads after five seconds of silence")
			}
		}
	})
}
