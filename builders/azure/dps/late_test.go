package dps

import (
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// A service that takes longer for every answer than a question is left alone is not asked for ever.
func TestLateAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mqtttest.NewPeer(t)
		p.Patience = 24 * time.Hour
		asked := 0
		p.Serve(func(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
			q, ok := in.(*packet.Publish)
			if !ok {
				return mqtttest.Answer(c, in)
			}
			asked++
			values, _ := url.ParseQuery(q.Topic[strings.Index(q.Topic, "?")+1:])
			body := `{"operationId":"4.x","status":"assigning"}`
			if values.Get("operationId") != "" {
				body = `{"status":"assigned","registrationState":{"assignedHub":"h","deviceId":"d"}}`
			}
			time.AfterFunc(answerTime*3/2, func() {
				c.Send(&packet.Publish{Topic: answerPrefix + "200/?$rid=" + values.Get("$rid"), Payload: []byte(body)})
			})
			return mqtttest.Answer(c, in)
		})
		a, err := Register(t.Context(), Options{Scope: "s", RegistrationID: "r", Key: "AAAA", Config: func(cfg *mqtt.Config) { cfg.Endpoint.Dial = p.Dial }})
		if err != nil || a.Hub != "h" || a.DeviceID != "d" || asked != 4 {
			t.Errorf("%v, %v, asked %d times", a, err, asked)
		}
	})
}
