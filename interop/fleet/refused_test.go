package fleet

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
	"github.com/gneiss-mqtt/gneiss-go/services/commands"
	"github.com/gneiss-mqtt/gneiss-go/services/jobs"
	"github.com/gneiss-mqtt/gneiss-go/services/provisioning"
	"github.com/gneiss-mqtt/gneiss-go/services/shadow"
)

// operation is a request of a service, and the topic on which it is made.
type operation struct {
	name, topic string
	do          func(ctx context.Context) error
}

// words are what the service says: no code of ours knows them.
const words = "Not on a Tuesday: é 😀 \"quoted\"\n"

// refuse has every operation refused with every code, and hands what came of it to check. Afterwards the operations work
// as before.
func refuse(t *testing.T, w *world, operations []operation, codes []string, sentinels map[string]error, check func(err error) (code, message string)) {
	t.Helper()
	for _, op := range operations {
		for _, code := range codes {
			_, err := w.InjectFault(iotcore.Fault{Topic: op.topic, Times: 1, Reject: code, Message: words})
			must(t, err)
			err = op.do(within(t))
			got, message := check(err)
			if got != code || message != words || !strings.Contains(err.Error(), words) {
				t.Errorf("%s refused with %s: got %q, %q: %v", op.name, code, got, message, err)
			}
			for _, other := range slices.Sorted(maps.Keys(sentinels)) {
				if is := errors.Is(err, sentinels[other]); is != (sentinels[other] == sentinels[code]) {
					t.Errorf("%s refused with %s: is %q: %v", op.name, code, sentinels[other], is)
				}
			}
		}
	}
}

func TestRefusedShadow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sentinels := map[string]error{"400": shadow.ErrInvalid, "401": shadow.ErrUnauthorized, "403": shadow.ErrForbidden, "404": shadow.ErrNotFound,
		"405": shadow.ErrNotAllowed, "409": shadow.ErrVersionConflict, "413": shadow.ErrTooLarge, "415": shadow.ErrUnsupportedEncoding,
		"429": shadow.ErrThrottled, "500": shadow.ErrInternal, "503": shadow.ErrInternal}
	codes := append(slices.Sorted(maps.Keys(sentinels)), "418") // of which we know nothing
	for _, name := range []string{"", "settings"} {
		c, err := shadow.New(w.requests, thing, shadow.Named(name))
		must(t, err)
		topic := "$aws/things/" + thing + "/shadow/"
		if name != "" {
			topic += "name/" + name + "/"
		}
		second := func(_ *shadow.Document, err error) error { return err }
		operations := []operation{
			{"get " + name, topic + "get", func(ctx context.Context) error { return second(c.Get(ctx)) }},
			{"update " + name, topic + "update", func(ctx context.Context) error {
				return second(c.Update(ctx, shadow.Update{Desired: map[string]int{"a": 1}}))
			}},
			{"delete " + name, topic + "delete", func(ctx context.Context) error { return second(c.Delete(ctx)) }},
		}
		refuse(t, w, operations, codes, sentinels, func(err error) (string, string) {
			e, ok := errors.AsType[*shadow.Error](err)
			if !ok || e.Timestamp.IsZero() || e.ClientToken == "" {
				t.Errorf("no error of the service, or one without a time or a token: %v", err)
				return "", ""
			}
			return strconv.Itoa(e.Code), e.Message
		})
		if _, err := c.Update(within(t), shadow.Update{Desired: map[string]int{"a": 1}}); err != nil {
			t.Error(err)
		}
	}
}

// What the emulator refuses by itself.
func TestRefusedShadowForReal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *emulator.Options) { o.IoT.Shadows.Rate = 3 })
	second := func(_ *shadow.Document, err error) error { return err }
	c, err := shadow.New(w.requests, thing)
	must(t, err)
	update := func(u shadow.Update) func() error {
		return func() error { return second(c.Update(within(t), u)) }
	}
	deep := map[string]any{}
	for range 10 {
		deep = map[string]any{"a": deep}
	}
	for _, c := range []struct {
		what    string
		do      func() error
		is      error
		message string
	}{
		{"no shadow", func() error { return second(c.Get(within(t))) }, shadow.ErrNotFound, "No shadow exists with name: 'pump-7'"},
		{"nothing to delete", func() error { return second(c.Delete(within(t))) }, shadow.ErrNotFound, "No shadow exists with name: 'pump-7'"},
		{"no object", update(shadow.Update{Desired: 7}), shadow.ErrInvalid, "Desired node must be an object"},
		{"null in an array", update(shadow.Update{Reported: map[string]any{"a": []any{nil}}}), shadow.ErrInvalid, "State contains an invalid node"},
		{"too deep", update(shadow.Update{Reported: deep}), shadow.ErrInvalid, "JSON contains too many levels of nesting; maximum is 8"},
		{"another version", update(shadow.Update{Reported: map[string]int{"a": 1}, Version: 7}), shadow.ErrVersionConflict, "Version conflict"},
		{"too large", update(shadow.Update{Reported: map[string]string{"a": strings.Repeat("x", 9000)}}), shadow.ErrTooLarge,
			"The payload exceeds the maximum size allowed"},
	} {
		must(t, w.Advance(time.Minute)) // the rate allows the next ones
		err := c.do()
		if e, ok := errors.AsType[*shadow.Error](err); !ok || e.Message != c.message || !errors.Is(err, c.is) {
			t.Errorf("%s: got %v, want %v", c.what, err, c.is)
		}
	}
	must(t, w.Advance(time.Minute))
	err = nil
	for range 10 {
		err = errors.Join(err, second(c.Update(within(t), shadow.Update{Reported: map[string]int{"a": 1}})))
	}
	if !errors.Is(err, shadow.ErrThrottled) {
		t.Errorf("too often: %v", err)
	}
}

func TestRefusedJobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, err := jobs.New(w.requests, thing)
	must(t, err)
	sentinels := map[string]error{"InvalidTopic": jobs.ErrInvalidTopic, "InvalidJson": jobs.ErrInvalidJSON, "InvalidRequest": jobs.ErrInvalidRequest,
		"InvalidStateTransition": jobs.ErrInvalidStateTransition, "ResourceNotFound": jobs.ErrNotFound, "VersionMismatch": jobs.ErrVersionMismatch,
		"InternalError": jobs.ErrInternal, "RequestThrottled": jobs.ErrThrottled, "TerminalStateReached": jobs.ErrTerminal}
	topic := "$aws/things/" + thing + "/jobs/"
	done := func(ctx context.Context, u jobs.Update) error {
		_, err := c.Update(ctx, "job", u)
		return err
	}
	operations := []operation{
		{"pending", topic + "get", func(ctx context.Context) error { _, err := c.Pending(ctx); return err }},
		{"start next", topic + "start-next", func(ctx context.Context) error { _, err := c.StartNext(ctx, jobs.StartNext{}); return err }},
		{"describe", topic + "job/get", func(ctx context.Context) error { _, err := c.Describe(ctx, "job", jobs.Describe{}); return err }},
		{"describe next", topic + "$next/get", func(ctx context.Context) error { _, err := c.Describe(ctx, jobs.Next, jobs.Describe{}); return err }},
		{"update", topic + "job/update", func(ctx context.Context) error { return done(ctx, jobs.Update{Status: jobs.Succeeded}) }},
	}
	refusal := func(err error) (string, string) {
		e, ok := errors.AsType[*jobs.Error](err)
		if !ok || e.Timestamp.IsZero() || e.ClientToken == "" {
			t.Errorf("no error of the service, or one without a time or a token: %v", err)
			return "", ""
		}
		return e.Code, e.Message
	}
	refuse(t, w, operations, append(slices.Sorted(maps.Keys(sentinels)), "Teapot"), sentinels, refusal)

	must(t, w.CreateJob(iotcore.Job{ID: "job", Things: []string{thing}, Document: []byte(`{}`)}))
	real := func(what string, err error, code, message string, state jobs.Status) {
		t.Helper()
		got, said := refusal(err)
		e, _ := errors.AsType[*jobs.Error](err)
		if got != code || said != message || !errors.Is(err, sentinels[code]) || (e.State != nil) != (state != "") || state != "" && e.State.Status != state {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = c.Describe(within(t), "other", jobs.Describe{})
	real("another job", err, "ResourceNotFound", "Job other does not exist for thing pump-7", "")
	_, err = c.StartNext(within(t), jobs.StartNext{})
	must(t, err)
	real("another version", done(within(t), jobs.Update{Status: jobs.Succeeded, ExpectedVersion: 7}), "VersionMismatch",
		"Expected version 7 but found version 2", jobs.InProgress)
	real("backwards", done(within(t), jobs.Update{Status: jobs.Queued}), "InvalidStateTransition",
		"An execution cannot be moved from IN_PROGRESS to QUEUED by its device", jobs.InProgress)
	err = done(within(t), jobs.Update{Status: jobs.InProgress, Details: map[string]string{"": "?"}})
	if _, said := refusal(err); said == "" || !errors.Is(err, jobs.ErrInvalidRequest) {
		t.Errorf("a detail without a name: %v", err)
	}
	must(t, done(within(t), jobs.Update{Status: jobs.Succeeded}))
	real("twice", done(within(t), jobs.Update{Status: jobs.Failed}), "TerminalStateReached",
		"Job execution of job has reached the terminal state SUCCEEDED", "")
}

func TestRefusedProvisioning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sentinels := map[string]error{"InvalidPayload": provisioning.ErrInvalid, "AccessDenied": provisioning.ErrNotAuthorized,
		"ResourceNotFound": provisioning.ErrNotFound, "ResourceConflict": provisioning.ErrConflict, "Throttling": provisioning.ErrThrottled,
		"InternalFailure": provisioning.ErrInternal}
	csr := newCSR(t)
	must(t, w.PutProvisioningTemplate(iotcore.ProvisioningTemplate{Name: template, Body: templateBody}))
	must(t, w.PutProvisioningTemplate(iotcore.ProvisioningTemplate{Name: "hooked", Body: templateBody, Hook: func(context.Context, iotcore.ProvisioningEvent) (iotcore.ProvisioningDecision, error) {
		return iotcore.ProvisioningDecision{}, nil
	}}))
	for _, format := range []provisioning.Format{provisioning.JSON, provisioning.CBOR} {
		c, err := provisioning.New(w.requests, format)
		must(t, err)
		register := func(ctx context.Context, template, token string, parameters map[string]string) error {
			_, err := c.RegisterThing(ctx, template, token, parameters)
			return err
		}
		suffix := "/" + string(format)
		operations := []operation{
			{"create" + suffix, "$aws/certificates/create" + suffix, func(ctx context.Context) error { _, err := c.CreateKeysAndCertificate(ctx); return err }},
			{"CSR" + suffix, "$aws/certificates/create-from-csr" + suffix, func(ctx context.Context) error {
				_, err := c.CreateCertificateFromCSR(ctx, csr)
				return err
			}},
			{"register" + suffix, "$aws/provisioning-templates/" + template + "/provision" + suffix, func(ctx context.Context) error {
				return register(ctx, template, "token", nil)
			}},
		}
		refusal := func(err error) (string, string) {
			e, ok := errors.AsType[*provisioning.Error](err)
			if !ok || e.StatusCode < 400 {
				t.Errorf("no error of the service: %v", err)
				return "", ""
			}
			return e.Code, e.Message
		}
		refuse(t, w, operations, slices.Sorted(maps.Keys(sentinels)), sentinels, refusal)

		cert, err := c.CreateCertificateFromCSR(within(t), csr)
		must(t, err)
		for _, r := range []struct {
			what string
			err  error
			is   []error
		}{
			{"no such template", register(within(t), "none", cert.Token, nil), []error{provisioning.ErrNotFound}},
			{"unknown token", register(within(t), template, "guessed", nil), []error{provisioning.ErrInvalid, provisioning.ErrInvalidToken}},
			{"missing parameter", register(within(t), template, cert.Token, nil), []error{provisioning.ErrInvalid}},
			{"hook", register(within(t), "hooked", cert.Token, map[string]string{"SerialNumber": "x"}), []error{provisioning.ErrNotAuthorized}},
			{"no CSR", func() error { _, err := c.CreateCertificateFromCSR(within(t), []byte("?")); return err }(), []error{provisioning.ErrInvalid}},
		} {
			code, message := refusal(r.err)
			for _, is := range r.is {
				if code == "" || message == "" || !errors.Is(r.err, is) {
					t.Errorf("%s%s: got %v, want %v", r.what, suffix, r.err, is)
				}
			}
		}
	}
}

func TestRefusedCommands(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sentinels := map[string]error{"InvalidTopic": commands.ErrInvalidTopic, "InvalidJson": commands.ErrInvalidJSON, "InvalidRequest": commands.ErrInvalidRequest,
		"InvalidStateTransition": commands.ErrInvalidStateTransition, "ResourceNotFound": commands.ErrNotFound, "VersionMismatch": commands.ErrVersionMismatch,
		"InternalError": commands.ErrInternal, "RequestThrottled": commands.ErrThrottled, "TerminalStateReached": commands.ErrTerminal}
	c, err := commands.New(w.requests, commands.Things, thing)
	must(t, err)
	must(t, w.CreateCommand(iotcore.Command{ID: "show", Payload: []byte(`{}`), ContentType: "application/json"}))
	for _, format := range []commands.Format{commands.JSON, commands.CBOR} {
		refusal := func(err error) (string, string) {
			e, ok := errors.AsType[*commands.Error](err)
			if !ok || e.ExecutionID == "" {
				t.Errorf("no error of the service, or one without the execution: %v", err)
				return "", ""
			}
			return e.Code, e.Message
		}
		operations := []operation{{"update/" + string(format), "$aws/commands/things/" + thing + "/executions/+/response/" + string(format),
			func(ctx context.Context) error {
				return c.Update(ctx, "some", format, commands.Update{Status: commands.Succeeded})
			}}}
		refuse(t, w, operations, append(slices.Sorted(maps.Keys(sentinels)), "Teapot"), sentinels, refusal)

		id, err := w.StartCommand("show", iotcore.CommandTarget{Kind: iotcore.TargetThings, ID: thing}, time.Minute)
		must(t, err)
		real := func(what string, err error, code, message string) {
			t.Helper()
			if got, said := refusal(err); got != code || said != message || !errors.Is(err, sentinels[code]) {
				t.Errorf("%s: %v", what, err)
			}
		}
		answer := func(id string, u commands.Update) error { return c.Update(within(t), id, format, u) }
		real("unknown", answer("unknown", commands.Update{Status: commands.Succeeded}), "ResourceNotFound", "There is no command execution unknown for this device")
		real("invalid", answer(id, commands.Update{Status: "DONE"}), "InvalidRequest", "status must be IN_PROGRESS, SUCCEEDED, FAILED, REJECTED or TIMED_OUT")
		must(t, answer(id, commands.Update{Status: commands.Succeeded}))
		real("twice", answer(id, commands.Update{Status: commands.Failed}), "TerminalStateReached", "The command execution is SUCCEEDED")
	}
}
