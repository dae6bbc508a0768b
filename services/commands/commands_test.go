package commands_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/services/commands"
)

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

const prefix = "$aws/commands/things/lamp/executions/"

// cloud is a broker with the commands service behind it.
type cloud struct {
	*mqtttest.Peer
	t *testing.T

	mu      sync.Mutex
	conn    *mqtttest.Conn
	answers []string // "execution status payload"
	refuse  func(execution, status string) string
	lose    func() bool // the acknowledgement is lost
	deny    bool
}

func newCloud(t *testing.T) *cloud {
	c := &cloud{Peer: mqtttest.NewPeer(t), t: t}
	c.Patience = 1000 * time.Hour
	c.Serve(c.answer)
	return c
}

func (c *cloud) answer(conn *mqtttest.Conn, in packet.Packet) []packet.Packet {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := mqtttest.Answer(conn, in)
	if c.conn == nil {
		c.conn = conn
	}
	if s, ok := in.(*packet.Subscribe); ok && c.deny && strings.HasSuffix(s.Filters[0].Filter, "cbor") {
		out[0].(*packet.Suback).Codes[0] = packet.NotAuthorized
	}
	p, ok := in.(*packet.Publish)
	if !ok {
		return out
	}
	parts := strings.Split(strings.TrimPrefix(p.Topic, prefix), "/")
	if len(parts) != 3 || parts[1] != "response" {
		c.t.Errorf("what is %s?", p.Topic)
		return out
	}
	id, format := parts[0], parts[2]
	decode, encode := json.Unmarshal, json.Marshal
	if format == "cbor" {
		decode, encode = cbor.Unmarshal, cbor.Marshal
	}
	var body map[string]any
	if err := decode(p.Payload, &body); err != nil {
		c.t.Errorf("%s: %v", p.Topic, err)
	}
	status, _ := body["status"].(string)
	text := string(p.Payload)
	if format == "cbor" {
		text = "cbor"
	}
	c.answers = append(c.answers, id+" "+status+" "+text)
	what, reply := "accepted", map[string]string{"executionId": id}
	if c.refuse != nil {
		if code := c.refuse(id, status); code != "" {
			what, reply = "rejected", map[string]string{"executionId": id, "error": code, "errorMessage": "because"}
		}
	}
	if c.lose != nil && c.lose() {
		return out
	}
	raw, _ := encode(reply)
	return append(out, &packet.Publish{Topic: prefix + id + "/response/" + what + "/" + format, Payload: raw})
}

// command sends one to the device.
func (c *cloud) command(id, format, payload string, seconds uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	topic := prefix + id + "/request"
	if format != "" {
		topic += "/" + format
	}
	p := &packet.Publish{Topic: topic, Payload: []byte(payload), ContentType: "text/x"}
	if seconds > 0 {
		p.MessageExpiry = packet.Some(seconds)
	}
	c.conn.Send(p)
}

func (c *cloud) set(f func(c *cloud)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c)
}

// took returns the answers since the last call, "execution status" each.
func (c *cloud) took() (short string, whole []string) {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	whole, c.answers = c.answers, nil
	for _, a := range whole {
		f := strings.Fields(a)
		short += f[0] + " " + f[1] + ", "
	}
	return strings.TrimSuffix(short, ", "), whole
}

func (c *cloud) want(want string) {
	c.t.Helper()
	if got, whole := c.took(); got != want {
		c.t.Errorf("the service got %q, want %q", whole, want)
	}
}

func (c *cloud) connect() (*commands.Client, *mqtt.Client) {
	c.t.Helper()
	m, err := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: c.Dial, Limits: mqtt.Limits{MaxPayload: 128 << 10}}, ClientID: "lamp", SessionExpiry: time.Hour})
	if err != nil {
		c.t.Fatal(err)
	}
	_ = m.Start()
	if _, err := m.Connected(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		m.Close()
		<-m.Done()
	})
	d, err := commands.New(reqres.New(m), commands.Things, "lamp")
	if err != nil {
		c.t.Fatal(err)
	}
	return d, m
}

func serve(t *testing.T, d *commands.Client, h commands.Handler, optFns ...func(*commands.ServeOptions)) chan error {
	t.Helper()
	errs := make(chan error, 100)
	s, err := d.Serve(t.Context(), h, append(optFns, func(o *commands.ServeOptions) { o.Report = func(err error) { errs <- err } })...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return errs
}

func TestServe(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		d, _ := c.connect()
		runs := 0
		errs := serve(t, d, func(ctx context.Context, x *commands.Command) (commands.Result, error) {
			runs++
			switch string(x.Payload) {
			case "fail":
				return nil, errors.New("no\nbulb")
			case "refuse":
				return nil, fmt.Errorf("it: %w", commands.Reject("NOT_ALLOWED", "night"))
			case "panic":
				panic("oh")
			case "slow":
				return nil, x.Progress(ctx, commands.Reason{Code: "WARMING_UP"})
			}
			if x.ContentType != "text/x" || x.Timeout != 10*time.Second || x.Deadline.IsZero() {
				t.Errorf("got %+v", x)
			}
			return commands.Result{"format": commands.Text(string(x.Format)), "on": commands.Bool(true), "raw": commands.Bytes(nil)}, nil
		})
		for _, format := range []string{"json", "cbor", ""} {
			c.command("x-"+format, format, "toggle", 10)
			got, whole := c.took()
			if want := `"result":{"format":{"s":"` + format + `"},"on":{"b":true},"raw":{"bin":""}}`; got != "x-"+format+" SUCCEEDED" || !strings.Contains(whole[0], want) {
				t.Errorf("got %q", whole)
			}
		}
		for _, id := range []string{"fail", "refuse", "panic", "slow"} {
			c.command(id, "json", id, 0)
			c.command(id, "json", id, 0) // again
			synctest.Wait()
		}
		got, whole := c.took()
		if got != "fail FAILED, refuse REJECTED, panic FAILED, slow IN_PROGRESS, slow SUCCEEDED" ||
			!strings.Contains(whole[0], `"reasonDescription":"no bulb"`) || !strings.Contains(whole[1], `"reasonCode":"NOT_ALLOWED"`) {
			t.Errorf("got %q", whole)
		}
		c.command("slow", "json", "slow", 0)
		c.command("no good!", "json", "", 0)
		c.want("")
		if runs != 7 || len(errs) != 1 {
			t.Errorf("%d runs, %d errors", runs, len(errs))
		}
	})
}

// A handler that keeps to the deadline is answered as timed out; one that does not is answered late.
func TestDeadline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		d, _ := c.connect()
		serve(t, d, func(ctx context.Context, x *commands.Command) (commands.Result, error) {
			if x.ID == "late" {
				time.Sleep(time.Minute)
				return nil, nil
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}, func(o *commands.ServeOptions) { o.Parallel, o.Answers = 2, commands.CBOR })
		c.command("late", "json", "", 5)
		c.command("exact", "json", "", 5)
		time.Sleep(6 * time.Second)
		c.want("exact TIMED_OUT")
		time.Sleep(time.Minute)
		c.want("late SUCCEEDED")
	})
}

// Commands wait for each other, and too many are refused.
func TestWaiting(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		d, _ := c.connect()
		release := make(chan struct{})
		order := ""
		serve(t, d, func(_ context.Context, x *commands.Command) (commands.Result, error) {
			order += x.ID
			<-release
			return nil, nil
		}, func(o *commands.ServeOptions) { o.Waiting = 1 })
		for _, id := range []string{"a", "b", "c"} {
			c.command(id, "json", "", 0)
			synctest.Wait()
		}
		c.want("c REJECTED")
		close(release)
		if got, _ := c.took(); len(got) != len("a SUCCEEDED, b SUCCEEDED") || order != "ab" {
			t.Errorf("the service got %q, the order is %q", got, order)
		}
	})
}

// Answers are sent until the service has taken them.
func TestAnsweredUntilTaken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		d, _ := c.connect()
		n := 0
		c.refuse = func(id, _ string) string {
			n++
			switch {
			case id == "throttled" && n < 4:
				return "RequestThrottled"
			case id == "invalid" && n == 1:
				return "InvalidRequest"
			case id == "gone":
				return "ResourceNotFound"
			case (id == "lost" || id == "twice") && n > 1:
				return "TerminalStateReached"
			}
			return ""
		}
		c.lose = func() bool { return n == 1 }
		errs := serve(t, d, func(_ context.Context, x *commands.Command) (commands.Result, error) {
			if x.ID == "huge" {
				return commands.Result{"x": commands.Text(strings.Repeat("x", 200_000))}, nil
			}
			return commands.Result{"x": commands.Bool(true)}, nil
		})
		for _, step := range []struct {
			id, want string
			errors   int
		}{
			{"throttled", "throttled SUCCEEDED, throttled SUCCEEDED, throttled SUCCEEDED, throttled SUCCEEDED", 3},
			{"invalid", "invalid SUCCEEDED, invalid SUCCEEDED", 1},
			{"huge", "huge SUCCEEDED", 1},
			{"gone", "gone SUCCEEDED", 1},
			{"lost", "lost SUCCEEDED, lost SUCCEEDED", 1},
			{"twice", "twice SUCCEEDED, twice SUCCEEDED", 0}, // it is lost with the connection, before PUBACK
		} {
			c.set(func(c *cloud) {
				n = 0
				c.lose = func() bool {
					if step.id == "twice" && n == 1 {
						c.conn.Cut()
					}
					return (step.id == "lost" || step.id == "twice") && n == 1
				}
			})
			c.command(step.id, "json", "", 0)
			time.Sleep(5 * time.Minute)
			c.want(step.want)
			if len(errs) != step.errors {
				t.Errorf("%s: %d errors", step.id, len(errs))
			}
			for len(errs) > 0 {
				<-errs
			}
		}
	})
}

func TestForgets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		d, _ := c.connect()
		serve(t, d, func(context.Context, *commands.Command) (commands.Result, error) { return nil, nil },
			func(o *commands.ServeOptions) { o.Remember = 2 })
		for _, id := range []string{"a", "b", "b", "a", "c", "a", "b"} {
			c.command(id, "json", "", 0)
			synctest.Wait()
		}
		c.want("a SUCCEEDED, b SUCCEEDED, c SUCCEEDED, a SUCCEEDED, b SUCCEEDED")
	})
}

func TestUpdate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		d, _ := c.connect()
		for code, want := range map[string]error{"InvalidTopic": commands.ErrInvalidTopic, "InvalidJson": commands.ErrInvalidJSON,
			"InvalidRequest": commands.ErrInvalidRequest, "InvalidStateTransition": commands.ErrInvalidStateTransition,
			"ResourceNotFound": commands.ErrNotFound, "VersionMismatch": commands.ErrVersionMismatch, "InternalError": commands.ErrInternal,
			"RequestThrottled": commands.ErrThrottled, "TerminalStateReached": commands.ErrTerminal} {
			c.set(func(c *cloud) { c.refuse = func(string, string) string { return code } })
			for _, format := range []commands.Format{commands.JSON, commands.CBOR} {
				err := d.Update(t.Context(), "x", format, commands.Update{Status: commands.Succeeded})
				e, _ := errors.AsType[*commands.Error](err)
				if !errors.Is(err, want) || e == nil || e.Message != "because" || e.ExecutionID != "x" {
					t.Errorf("%s: got %v", code, err)
				}
			}
		}
		for _, id := range []string{"", "a/b", "+", strings.Repeat("x", 65)} {
			if err := d.Update(t.Context(), id, commands.JSON, commands.Update{}); err == nil {
				t.Errorf("%q is accepted", id)
			}
		}
		if err := d.Update(t.Context(), "x", commands.Other, commands.Update{}); err == nil {
			t.Error("answers have a format")
		}
		c.set(func(c *cloud) { c.lose = func() bool { return true } })
		over := make(chan error, 1)
		go func() {
			over <- d.Update(t.Context(), "y", commands.JSON, commands.Update{Status: commands.InProgress})
		}()
		synctest.Wait()
		c.set(func(c *cloud) {
			c.conn.Send(&packet.Publish{Topic: prefix + "y/response/accepted/json", Payload: []byte("{")})
		})
		if _, ok := errors.AsType[*commands.MalformedError](<-over); !ok {
			t.Error("not malformed")
		}
	})
}

func TestWrongUse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		d, _ := c.connect()
		for _, id := range []string{"", "a/b", "#"} {
			if _, err := commands.New(nil, commands.Clients, id); err == nil {
				t.Errorf("%q is accepted", id)
			}
		}
		if _, err := commands.New(nil, "cars", "a"); err == nil {
			t.Error("cars are accepted")
		}
		for _, o := range []func(*commands.ServeOptions){
			func(o *commands.ServeOptions) { o.Answers = commands.Other },
			func(o *commands.ServeOptions) { o.Parallel = 0 },
		} {
			if _, err := d.Serve(t.Context(), nil, o); err == nil {
				t.Error("accepted")
			}
		}
		c.set(func(c *cloud) { c.deny = true })
		_, err := d.Serve(t.Context(), func(context.Context, *commands.Command) (commands.Result, error) { return nil, nil })
		if _, ok := errors.AsType[*mqtt.ReasonError](err); !ok {
			t.Errorf("got %v", err)
		}
	})
}

// Closing ends what runs.
func TestClose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		d, _ := c.connect()
		s, err := d.Serve(t.Context(), func(ctx context.Context, _ *commands.Command) (commands.Result, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		if err != nil {
			t.Fatal(err)
		}
		c.command("a", "json", "", 0)
		c.command("b", "json", "", 0)
		synctest.Wait()
		s.Close()
		s.Close()
		c.want("")
	})
}
