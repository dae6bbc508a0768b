package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/commands"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/jobs"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/provisioning"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/shadow"
)

// Config is what the API is about. Services are used under the host's lock only.
type Config struct {
	Host         service.Host
	Shadow       *shadow.Service
	Jobs         *jobs.Service
	Provisioning *provisioning.Service
	Commands     *commands.Service
	// Endpoint returns host and port of an endpoint, by its type.
	Endpoint func(kind string) string
}

// api answers requests whose senders are known.
type api struct {
	Config
	mux *http.ServeMux
}

// New returns the handler.
func New(c Config) http.Handler {
	a := &api{c, http.NewServeMux()}
	a.things()
	a.certificates()
	a.policies()
	a.jobs()
	a.jobsData()
	a.provisioning()
	a.commands()
	a.shadows()
	a.messages()
	a.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, &problem{404, "ResourceNotFoundException", "The emulator has no " + r.Method + " " + r.URL.Path})
	})
	return a.mux
}

// call is one request.
type call struct {
	*http.Request
	who  *account.Principal
	body []byte

	// Within change and read:
	now     time.Time
	account *account.Account
}

// operation answers a request: with JSON, with bytes, or with nothing.
type operation func(*call) (any, error)

// control adds an operation of the control plane, which devices cannot use.
func (a *api) control(pattern, action, resource string, op operation) {
	a.add(pattern, func(c *call) (any, error) {
		if c.who.Kind == account.ByDevice {
			return nil, forbidden
		}
		return op(c)
	}, action, resource)
}

// add adds an operation. resource names what the action is on: "thing/{thing}", with the values of the path; "*" is
// everything.
func (a *api) add(pattern string, op operation, action, resource string) {
	a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		answer, err := a.serve(r, op, action, resource)
		if err != nil {
			writeError(w, err)
			return
		}
		write(w, answer)
	})
}

func (a *api) serve(r *http.Request, op operation, action, resource string) (any, error) {
	c := &call{Request: r, who: service.PrincipalOf(r.Context())}
	if c.who == nil || action != "" && !a.Host.Allowed(c.who, "iot:"+action, c.fill(resource)) {
		return nil, forbidden
	}
	var err error
	if c.body, err = io.ReadAll(r.Body); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, &problem{413, "RequestEntityTooLargeException", "The request is too large"}
		}
		return nil, invalid("The request could not be read")
	}
	return op(c)
}

// fill puts the values of the path into the name of a resource.
func (c *call) fill(resource string) string {
	before, rest, found := strings.Cut(resource, "{")
	if !found {
		return resource
	}
	name, after, _ := strings.Cut(rest, "}")
	return before + c.PathValue(name) + after
}

// change runs f under the lock, and publishes what it returns.
func (a *api) change(c *call, f func() ([]service.Message, error)) error {
	var err error
	if stopped := a.Host.Do(func(now time.Time, acct *account.Account) (out []service.Message) {
		c.now, c.account = now, acct
		out, err = f()
		return out
	}); stopped != nil {
		return &problem{503, "ServiceUnavailableException", "The emulator is not running"}
	}
	return err
}

// read runs f under the lock.
func (a *api) read(c *call, f func() error) error {
	return a.change(c, func() ([]service.Message, error) { return nil, f() })
}

// decode reads a body of JSON; an empty one is an empty object.
func (c *call) decode(v any) error {
	if len(c.body) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.body, v); err != nil {
		return invalid("The request is not the JSON that is expected: %v", err)
	}
	return nil
}

// flag reads a parameter that is true or false.
func (c *call) flag(name string) bool { return c.URL.Query().Get(name) == "true" }

// signingName returns the service that a request is signed for; empty without a signature.
func (c *call) signingName() string {
	_, rest, _ := strings.Cut(c.Header.Get("Authorization"), "Credential=")
	scope, _, _ := strings.Cut(rest, ",")
	if parts := strings.Split(scope, "/"); len(parts) == 5 {
		return parts[3]
	}
	return ""
}

// page cuts a list as the parameters say. The token is where it goes on.
func page[T any](c *call, list []T, size string) (part []T, next string, err error) {
	q := c.URL.Query()
	start, most := 0, 250
	if s := q.Get(size); s != "" {
		if most, err = strconv.Atoi(s); err != nil || most < 1 {
			return nil, "", invalid("%s must be a positive number", size)
		}
	}
	token := q.Get("nextToken")
	if token == "" {
		token = q.Get("marker")
	}
	if token != "" {
		if start, err = strconv.Atoi(token); err != nil || start < 0 || start > len(list) {
			return nil, "", invalid("The token is not known")
		}
	}
	end := min(len(list), start+min(most, 250))
	if end < len(list) {
		next = strconv.Itoa(end)
	}
	return append([]T{}, list[start:end]...), next, nil // never null
}

// object is a JSON object to answer with.
type object = map[string]any

// put sets a member unless it is empty.
func put[T comparable](o object, name string, v T) {
	var zero T
	if v != zero {
		o[name] = v
	}
}

// date is a time in the form of JSON answers: seconds since 1970, the zero time nothing.
func date(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

func write(w http.ResponseWriter, answer any) {
	switch v := answer.(type) {
	case nil:
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{}") // the client is gone otherwise
	case []byte:
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(v)
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(service.Encode(v))
	}
}

func invalid(format string, args ...any) *problem {
	return &problem{400, "InvalidRequestException", fmt.Sprintf(format, args...)}
}
