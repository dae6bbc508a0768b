package dps

import (
	"errors"
	"strings"
	"testing"
	"time"

	azureiot "github.com/gneiss-mqtt/gneiss-go/builders/azure"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// What the service may say, and what it had better not.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for topic, want := range map[string]answer{
		answerPrefix + "202/?$rid=1&retry-after=3":                          {status: 202, rid: "1", retry: 3 * time.Second},
		answerPrefix + "200/?Retry-After=7&$rid=a%20b":                      {status: 200, rid: "a b", retry: 7 * time.Second},
		answerPrefix + "429/?$rid=1&retry-after=x":                          {status: 429, rid: "1"},
		answerPrefix + "429/?$rid=1&retry-after=-5":                         {status: 429, rid: "1"},
		answerPrefix + "429/?$rid=1&retry-after=" + strings.Repeat("9", 40): {status: 429, rid: "1", retry: 65535 * time.Second}, // and no more than maxPoll is waited
	} {
		r := &registration{answers: make(chan answer, 1)}
		r.take(mqtt.Message{Topic: topic})
		select {
		case got := <-r.answers:
			if got.status != want.status || got.rid != want.rid || got.retry != want.retry {
				t.Errorf("%s: %+v", topic, got)
			}
		default:
			t.Errorf("%s: nothing", topic)
		}
	}
	for _, topic := range []string{"", "x", answerPrefix, answerPrefix + "x/?$rid=1", answerPrefix + "200/?%zz"} {
		r := &registration{answers: make(chan answer, 1)}
		if r.take(mqtt.Message{Topic: topic}); len(r.answers) != 0 {
			t.Errorf("%q was taken", topic)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add("202/?$rid=1&retry-after=3", []byte(`{"operationId":"4.x","status":"assigning"}`))
	f.Add("200/?$rid=1", []byte(`{"status":"assigned","registrationState":{"assignedHub":"h","deviceId":"d"}}`))
	f.Add("500/?$rid=1", []byte(`{"state":"x","status":7,"message":"m"}`))
	f.Fuzz(func(t *testing.T, topic string, payload []byte) {
		r := &registration{answers: make(chan answer, 1)}
		r.take(mqtt.Message{Topic: answerPrefix + topic, Payload: payload})
		if len(r.answers) == 0 {
			return
		}
		a := <-r.answers
		s, err := read(a)
		if err != nil && !strings.HasPrefix(err.Error(), "dps: ") {
			t.Error(err)
		}
		if e, ok := errors.AsType[*Error](err); ok && len(e.Error()) > 8<<10 {
			t.Errorf("an error of %d bytes", len(e.Error()))
		}
		_ = s
	})
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {Scope: "s", RegistrationID: "r"}, {Scope: "s", RegistrationID: "r", Key: "!"}, {Scope: "s", RegistrationID: "r/x", Key: "AAAA"},
		{RegistrationID: "r", Key: "AAAA"}, {Scope: "s", RegistrationID: "r", Key: "AAAA", Identity: azureiot.Files("c", "k")}, {Scope: "s", RegistrationID: "r", Key: "AAAA", GroupKey: "AAAA"}, {Scope: "s", RegistrationID: "r", GroupKey: "!"}} {
		if _, err := Register(t.Context(), o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}
