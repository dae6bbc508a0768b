package broker_test

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// setLimits reads Name=value for the fields of broker.Limits; a flag needs no value.
func (s *script) setLimits(f []string) {
	v := reflect.ValueOf(&s.options.Limits).Elem()
	for _, word := range f {
		name, value, _ := strings.Cut(word, "=")
		field := v.FieldByName(name)
		if !field.IsValid() {
			s.fatalf("no limit %q", name)
		}
		if err := setField(field, value); err != nil {
			s.fatalf("%s: %v", name, err)
		}
	}
}

func setField(field reflect.Value, value string) error {
	switch field.Interface().(type) {
	case bool:
		field.SetBool(true)
	case string:
		field.SetString(value)
	case time.Duration:
		d, err := time.ParseDuration(value)
		field.SetInt(int64(d))
		return err
	case packet.Opt[packet.QoS]:
		n, err := strconv.Atoi(value)
		field.Set(reflect.ValueOf(packet.Some(packet.QoS(n))))
		return err
	case uint16, uint32:
		n, err := strconv.ParseUint(value, 0, 32)
		field.SetUint(n)
		return err
	default:
		n, err := strconv.ParseInt(value, 0, 64)
		field.SetInt(n)
		return err
	}
	return nil
}

// setHooks installs the hooks a transcript names:
//
//	password      a CONNECT needs the password "secret"
//	pending       a CONNECT waits for "server accept" or "server refuse"
//	challenge     the authentication method "challenge" asks once and wants the answer "right"
//	pending-auth  the authentication waits for "server authenticate"
//	acl           topics and filters below "deny" are refused, below "kick" end the connection, messages below "eat"
//	              are consumed, and nothing below "hidden" is delivered
func (s *script) setHooks(names []string) {
	h := &s.options.Hooks
	for _, name := range names {
		switch name {
		case "password":
			h.Connect = func(_ broker.Instant, _ *broker.Client, p *packet.Connect) broker.ConnectDecision {
				if string(p.Password) != "secret" {
					return broker.ConnectDecision{Code: packet.BadUserNameOrPassword, ReasonString: "wrong"}
				}
				return broker.ConnectDecision{Identity: p.Username, ReasonString: "hello"}
			}
		case "pending":
			h.Connect = func(broker.Instant, *broker.Client, *packet.Connect) broker.ConnectDecision {
				return broker.ConnectDecision{Pending: true}
			}
		case "challenge":
			h.Auth = challenge
		case "pending-auth":
			h.Auth = func(broker.Instant, *broker.Client, broker.AuthStep) broker.AuthDecision {
				return broker.AuthDecision{Pending: true}
			}
		case "acl":
			aclHooks(h)
		default:
			s.fatalf("no hook %q", name)
		}
	}
}

// challenge accepts the data "right", asks once for "first" and refuses everything else.
func challenge(_ broker.Instant, _ *broker.Client, step broker.AuthStep) broker.AuthDecision {
	switch {
	case step.Method != "challenge":
		return broker.AuthDecision{Code: packet.BadAuthenticationMethod}
	case string(step.Data) == "right":
		return broker.AuthDecision{Data: []byte("welcome")}
	case string(step.Data) == "first":
		return broker.AuthDecision{Code: packet.ContinueAuthentication, Data: []byte(fmt.Sprintf("again=%v", step.Again))}
	}
	return broker.AuthDecision{Code: packet.NotAuthorized, ReasonString: "wrong answer"}
}

func aclHooks(h *broker.Hooks) {
	h.Publish = func(_ broker.Instant, _ *broker.Client, p *packet.Publish) broker.PublishDecision {
		switch {
		case strings.HasPrefix(p.Topic, "deny/"):
			return broker.PublishDecision{Code: packet.NotAuthorized, ReasonString: "not yours, nor anybody else's"}
		case strings.HasPrefix(p.Topic, "kick/"):
			return broker.PublishDecision{Code: packet.NotAuthorized, Disconnect: true, ReasonString: "not yours, nor anybody else's"}
		case strings.HasPrefix(p.Topic, "eat/"):
			return broker.PublishDecision{Consume: true}
		}
		return broker.PublishDecision{}
	}
	h.Subscribe = func(_ broker.Instant, _ *broker.Client, f packet.Filter) broker.SubscribeDecision {
		switch {
		case strings.HasPrefix(f.Filter, "deny/"):
			return broker.SubscribeDecision{Code: packet.NotAuthorized}
		case strings.HasPrefix(f.Filter, "kick/"):
			return broker.SubscribeDecision{Code: packet.NotAuthorized, Disconnect: true}
		case strings.HasPrefix(f.Filter, "low/"):
			return broker.SubscribeDecision{MaxQoS: packet.Some(packet.QoS0)}
		}
		return broker.SubscribeDecision{}
	}
	h.Deliver = func(_ broker.Instant, _ *broker.Client, topic string) bool {
		return !strings.HasPrefix(topic, "hidden/")
	}
}
