package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
	"github.com/gneiss-mqtt/gneiss-go/services/commands"
	"github.com/gneiss-mqtt/gneiss-go/services/jobs"
	"github.com/gneiss-mqtt/gneiss-go/services/provisioning"
	"github.com/gneiss-mqtt/gneiss-go/services/shadow"
)

// nonsense is what no service sends: nothing, no JSON, other JSON, JSON in which everything has another type, much of it.
var nonsense = []string{
	"", "{", "null", "[]", "7", `"text"`, "\x00", "\xff\xfe{}", "{}{}", `{"clientToken":7}`, `{"clientToken":null}`, `{"clientToken":["x"]}`,
	`{"state":7,"version":"x","timestamp":{},"metadata":[]}`, `{"version":1e400}`, `{"version":-1,"timestamp":-1}`, `{"timestamp":1e300}`,
	`{"execution":7,"jobs":[],"executionState":"x"}`, `{"execution":{"jobId":7,"status":[],"versionNumber":"x"}}`,
	`{"code":{},"message":[],"statusCode":"x","errorCode":1,"error":2}`,
	strings.Repeat("[", 100_000), strings.Repeat(" ", 100_000), `{"a":"` + strings.Repeat("x", 120_000) + `"}`,
}

// unexpected is what a service might send, but never has to: answers to nobody.
var unexpected = []string{"{}", `{"clientToken":"another"}`, `{"clientToken":""}`, `{"clientToken":"another","code":409,"message":"?"}`}

func (w *world) say(topic, payload string) {
	w.t.Helper()
	must(w.t, w.Publish(packet.Publish{Topic: topic, Payload: []byte(payload), QoS: packet.QoS1}))
}

// request begins a request whose answer is late, and returns its token and how it ends.
func (w *world) request(topic string, do func(context.Context) error) (token string, over <-chan error) {
	w.t.Helper()
	_, err := w.InjectFault(iotcore.Fault{Topic: topic, Times: 1, Delay: time.Minute})
	must(w.t, err)
	done := make(chan error, 1)
	ctx := within(w.t)
	go func() { done <- do(ctx) }()
	for {
		select {
		case e := <-w.arrived:
			if e.Message.Topic != topic {
				continue
			}
			var m struct{ ClientToken string }
			_ = json.Unmarshal(e.Message.Payload, &m) // CBOR has none
			return m.ClientToken, done
		case err := <-done:
			w.t.Fatalf("%s is over before it has begun: %v", topic, err)
		}
	}
}

// settled waits until nothing is left of what was said: everything before is handled when a request is answered.
func (w *world) settled() {
	w.t.Helper()
	c, err := shadow.New(w.requests, "settled")
	must(w.t, err)
	if _, err := c.Get(within(w.t)); !errors.Is(err, shadow.ErrNotFound) {
		w.t.Fatal(err)
	}
}

// Nonsense on the topics of answers is reported, and ends no request that is not named by it. One that names a request and
// cannot be read ends it with an error. The next one is answered.
func TestNonsenseForRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	things := "$aws/things/" + thing
	s, err := shadow.New(w.requests, thing)
	must(t, err)
	j, err := jobs.New(w.requests, thing)
	must(t, err)
	_, err = w.UpdateShadow(thing, "", []byte(`{"state":{"desired":{"a":1}}}`))
	must(t, err)
	for _, op := range []operation{
		{"shadow", things + "/shadow/get", func(ctx context.Context) error { _, err := s.Get(ctx); return err }},
		{"shadow", things + "/shadow/update", func(ctx context.Context) error {
			_, err := s.Update(ctx, shadow.Update{Reported: map[string]int{"a": 1}})
			return err
		}},
		{"jobs", things + "/jobs/get", func(ctx context.Context) error { _, err := j.Pending(ctx); return err }},
		{"jobs", things + "/jobs/start-next", func(ctx context.Context) error { _, err := j.StartNext(ctx, jobs.StartNext{}); return err }},
		{"jobs", things + "/jobs/$next/get", func(ctx context.Context) error { _, err := j.Describe(ctx, jobs.Next, jobs.Describe{}); return err }},
	} {
		before := w.requests.Stats()
		_, over := w.request(op.topic, op.do)
		for _, text := range append(nonsense, unexpected...) {
			w.say(op.topic+"/accepted", text)
			if !object(text) { // a refusal without a token is one of the only request that waits
				w.say(op.topic+"/rejected", text)
			}
			w.say(op.topic+"/whatever", text)
		}
		w.say(op.topic+"/rejected", `{"clientToken":"another","code":409,"message":"?"}`)
		w.settled()
		select {
		case err := <-over:
			t.Fatalf("%s: ended by nonsense: %v", op.topic, err)
		default:
		}
		must(t, w.Advance(time.Minute))
		if err := <-over; err != nil {
			t.Errorf("%s: %v", op.topic, err)
		}
		if got := w.requests.Stats(); got.Malformed == before.Malformed || got.Unmatched == before.Unmatched {
			t.Errorf("%s: nothing was counted: %+v", op.topic, got)
		}
		select {
		case err := <-w.reported:
			if !strings.Contains(err.Error(), op.topic) {
				t.Errorf("%s: reported is %v", op.topic, err)
			}
		default:
			t.Errorf("%s: nothing was reported", op.topic)
		}
		for len(w.reported) > 0 {
			<-w.reported
		}

		for _, where := range []string{"/accepted", "/rejected"} {
			token, over := w.request(op.topic, op.do)
			w.say(op.topic+where, fmt.Sprintf(`{"clientToken":%q,"state":7,"inProgressJobs":7,"execution":7,"message":7}`, token))
			err := <-over
			if _, ok := errors.AsType[*jobs.MalformedError](err); !ok || !strings.Contains(err.Error(), op.name+": ") {
				t.Errorf("%s%s: an unreadable answer: %v", op.topic, where, err)
			}
			must(t, w.Advance(time.Minute)) // the real answer comes to nobody
		}
		if err := op.do(within(t)); err != nil {
			t.Errorf("%s afterwards: %v", op.topic, err)
		}
	}
}

// object reports whether a text is a JSON object.
func object(text string) bool {
	var m map[string]json.RawMessage
	return json.Unmarshal([]byte(text), &m) == nil && m != nil
}

// Where only the topic tells answers apart, the first message there is the answer, whatever it is.
func TestNonsenseForRequestsByTopic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	csr := newCSR(t)
	c, err := commands.New(w.requests, commands.Things, thing)
	must(t, err)
	must(t, w.CreateCommand(iotcore.Command{ID: "show", Payload: []byte(`{}`), ContentType: "application/json"}))
	id, err := w.StartCommand("show", iotcore.CommandTarget{Kind: iotcore.TargetThings, ID: thing}, 12*time.Hour)
	must(t, err)
	for _, format := range []string{"json", "cbor"} {
		p, err := provisioning.New(w.requests, provisioning.Format(format))
		must(t, err)
		response := "$aws/commands/things/" + thing + "/executions/" + id + "/response/"
		for _, op := range []struct {
			operation
			accepted, rejected string
		}{
			{operation{"provisioning", "$aws/certificates/create-from-csr/" + format, func(ctx context.Context) error {
				_, err := p.CreateCertificateFromCSR(ctx, csr)
				return err
			}}, "$aws/certificates/create-from-csr/" + format + "/accepted", "$aws/certificates/create-from-csr/" + format + "/rejected"},
			{operation{"commands", response + format, func(ctx context.Context) error {
				return c.Update(ctx, id, commands.Format(format), commands.Update{Status: commands.InProgress})
			}}, response + "accepted/" + format, response + "rejected/" + format},
		} {
			for _, where := range []string{op.accepted, op.rejected} {
				for _, text := range []string{"", "{", "[]", "\xff", `{"certificateId":7,"errorMessage":7}`, strings.Repeat("[", 100_000), strings.Repeat("\x9f", 100_000)} {
					_, over := w.request(op.topic, op.do)
					w.say(where, text)
					err := <-over
					_, p := errors.AsType[*provisioning.MalformedError](err)
					_, c := errors.AsType[*commands.MalformedError](err)
					if !p && !c {
						t.Errorf("%s: %.10q: %v", where, text, err)
					}
					before := w.requests.Stats().Unmatched
					must(t, w.Advance(time.Minute))
					// Nothing could tell the real answer from that to the next request.
					must(t, await(within(t), func() (bool, error) { return w.requests.Stats().Unmatched > before, nil }))
				}
			}
			if err := op.do(within(t)); err != nil {
				t.Errorf("%s afterwards: %v", op.topic, err)
			}
		}
	}
}

// What a stream cannot read is reported, and the messages after it come.
func TestNonsenseForStreams(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, err := shadow.New(w.requests, thing)
	must(t, err)
	j, err := jobs.New(w.requests, thing)
	must(t, err)
	malformed, events := make(chan error, 1000), make(chan string, 1000)
	report := func(o *shadow.StreamOptions) { o.Malformed = func(err *shadow.MalformedError) { malformed <- err } }
	reportJobs := func(o *jobs.StreamOptions) { o.Malformed = func(err *jobs.MalformedError) { malformed <- err } }
	for topic, open := range map[string]func() (*reqres.Stream, error){
		"shadow/update/delta": func() (*reqres.Stream, error) {
			return s.Deltas(within(t), func(d *shadow.Delta) { events <- string(d.State) }, report)
		},
		"shadow/update/documents": func() (*reqres.Stream, error) {
			return s.Documents(within(t), func(d *shadow.Documents) { events <- string(d.Current.State.Desired) }, report)
		},
		"jobs/notify": func() (*reqres.Stream, error) {
			return j.Changes(within(t), func(c *jobs.Changed) { events <- fmt.Sprint(len(c.Jobs)) }, reportJobs)
		},
		"jobs/notify-next": func() (*reqres.Stream, error) {
			return j.NextChanges(within(t), func(n *jobs.NextChanged) { events <- fmt.Sprint(n.Execution != nil) }, reportJobs)
		},
	} {
		stream, err := open()
		must(t, err)
		for _, text := range nonsense {
			w.say("$aws/things/"+thing+"/"+topic, text)
		}
		w.settled()
		if strings.HasPrefix(topic, "shadow") {
			_, err = w.UpdateShadow(thing, "", fmt.Appendf(nil, `{"state":{"desired":{"last":%q}}}`, topic))
		} else {
			err = w.CreateJob(iotcore.Job{ID: strings.ReplaceAll(topic, "/", "-"), Things: []string{thing}, Document: []byte(`{}`)})
		}
		must(t, err)
		want := map[string]string{"shadow/update/delta": `{"last":"shadow/update/delta"}`, "shadow/update/documents": `{"last":"shadow/update/documents"}`,
			"jobs/notify": "1", "jobs/notify-next": "true"}[topic]
		for got := ""; got != want; {
			select {
			case got = <-events: // what is only strange may come too
			case <-within(t).Done():
				t.Fatalf("%s: the real message did not come", topic)
			}
		}
		if len(malformed) < 8 {
			t.Errorf("%s: %d messages were reported", topic, len(malformed))
		}
		for len(malformed) > 0 {
			<-malformed
		}
		stream.Close()
		if strings.HasPrefix(topic, "jobs") { // the next notification is one again
			must(t, w.DeleteJob(strings.ReplaceAll(topic, "/", "-"), true))
		}
	}
}

// Neither a Sync nor an Agent nor a Server is led astray.
func TestNonsenseForServants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, err := shadow.New(w.requests, thing)
	must(t, err)
	reported := make(chan error, 10_000)
	report := func(err error) { reported <- err }
	sync, err := shadow.Start(s, settings{Mode: "off"}, func(o *shadow.SyncOptions[settings]) { o.Report = report })
	must(t, err)
	defer sync.Close()
	must(t, sync.Wait(within(t)))
	j, err := jobs.New(w.requests, thing)
	must(t, err)
	done := make(chan string, 10)
	agent := jobs.NewAgent(j, func(_ context.Context, job *jobs.Job) error { done <- job.JobID; return nil }, func(o *jobs.AgentOptions) { o.Report = report })
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- agent.Run(ctx) }()
	defer func() { stop(); <-over }()
	c, err := commands.New(w.requests, commands.Things, thing)
	must(t, err)
	obeyed := make(chan string, 100)
	server, err := c.Serve(within(t), func(_ context.Context, c *commands.Command) (commands.Result, error) {
		obeyed <- string(c.Payload)
		return nil, nil
	}, func(o *commands.ServeOptions) { o.Report = report })
	must(t, err)
	defer server.Close()

	for round := range 3 {
		for _, text := range append(nonsense,
			`{"version":9007199254740991,"timestamp":1,"state":{"target":-1}}`, `{"version":1,"state":{"target":"warm"}}`,
			fmt.Sprintf(`{"version":%d,"state":{"target":-7}}`, sync.Version()+1), fmt.Sprintf(`{"version":%d,"state":{"target":-8}}`, sync.Version()),
			`{"execution":{"jobId":"forged","status":"QUEUED","versionNumber":1,"executionNumber":1,"jobDocument":{}}}`,
		) {
			w.say("$aws/things/"+thing+"/shadow/update/delta", text)
			w.say("$aws/things/"+thing+"/jobs/notify-next", text)
			w.say("$aws/commands/things/"+thing+"/executions/"+strings.Repeat("x", 65)+"/request/json", text) // no identifier
		}
		want := settings{Target: round + 1, Mode: "heat"}
		_, err := w.UpdateShadow(thing, "", fmt.Appendf(nil, `{"state":{"desired":{"target":%d,"mode":"heat"}}}`, want.Target))
		must(t, err)
		var text []byte
		if err := await(within(t), func() (bool, error) {
			var doc struct{ State struct{ Reported settings } }
			var err error
			if text, err = w.Shadow(thing, ""); err == nil {
				err = json.Unmarshal(text, &doc)
			}
			return doc.State.Reported == want && sync.Value() == want, err
		}); err != nil {
			t.Fatalf("the device is %+v, want %+v, the shadow %s: %v", sync.Value(), want, text, err)
		}
		id := fmt.Sprintf("job-%d", round)
		must(t, w.CreateJob(iotcore.Job{ID: id, Things: []string{thing}, Document: []byte(`{}`)}))
		if got := <-done; got != id {
			t.Errorf("did %s, want %s", got, id)
		}
		must(t, w.CreateCommand(iotcore.Command{ID: id, Payload: []byte(id), ContentType: "text/plain"}))
		_, err = w.StartCommand(id, iotcore.CommandTarget{Kind: iotcore.TargetThings, ID: thing}, time.Hour)
		must(t, err)
		if got := <-obeyed; got != id {
			t.Errorf("obeyed %.100q, want %q", got, id)
		}
	}
	if len(reported) < 16 {
		t.Errorf("%d errors were reported", len(reported))
	}
}
