package commands

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
)

// Handler obeys a command. nil says that it has succeeded, with a result or without; an error that it has failed, and one
// made by [Reject] that the device does not obey. A panic is a failure.
//
// Where the command says how much time there is, ctx ends then. A handler that returns the end of ctx is answered as
// timed out, for good; any other answer is sent however late it is. ctx also ends with [Server.Close].
type Handler func(ctx context.Context, c *Command) (Result, error)

// Command is an execution that a handler obeys.
type Command struct {
	Execution
	Deadline time.Time // zero: not known
	s        *Server
}

// Progress answers that the command is being obeyed.
func (c *Command) Progress(ctx context.Context, r Reason) error {
	return c.s.c.Update(ctx, c.ID, c.s.o.Answers, Update{Status: InProgress, Reason: &r})
}

// ServeOptions are for [Client.Serve].
type ServeOptions struct {
	// Formats are those of the commands that are taken. Default: all.
	Formats []Format
	// Answers is the format of the answers, JSON or CBOR. Default JSON.
	Answers Format
	// Parallel is how many commands are obeyed at the same time. Default 1. Others wait, and their time runs.
	Parallel int
	// Waiting is how many commands may wait. Default 100; others are answered as rejected.
	Waiting int
	// Remember is how many executions are known that are over: one that comes again is not obeyed again. Default 1,000.
	Remember int
	// NoWait makes Serve return at once, whether there is a connection or not. Called so before the MQTT client is started,
	// it gets also the commands that wait in a session that the broker has kept from an earlier process. What goes wrong
	// is reported.
	NoWait bool
	// Report is told of what goes wrong: what is tried again, and what cannot be. nil: nobody is told.
	Report func(err error)
}

// Server takes commands until it is closed.
type Server struct {
	c       *Client
	o       ServeOptions
	handler Handler
	ctx     context.Context
	cancel  context.CancelFunc
	streams []*reqres.Stream
	working sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	queue   []*Command // in order
	running int
	known   map[string]bool // executions that have come
	over    []string        // those that are over, the oldest first
}

// Serve takes commands and answers them. It returns when the broker sends them, unless [ServeOptions.NoWait] is set. A command that comes again, before or
// after it is answered, is not obeyed again. Answers are sent until the service has taken them.
//
// The commands of a process that ends without an answer time out at the service; those that come again afterwards, in a
// session that the broker has kept, are obeyed like new ones.
func (c *Client) Serve(ctx context.Context, h Handler, optFns ...func(*ServeOptions)) (*Server, error) {
	s := &Server{c: c, handler: h, known: make(map[string]bool), o: ServeOptions{Formats: []Format{JSON, CBOR, Other}, Answers: JSON,
		Parallel: 1, Waiting: 100, Remember: 1000}}
	for _, f := range optFns {
		f(&s.o)
	}
	if s.o.Answers != JSON && s.o.Answers != CBOR {
		return nil, fmt.Errorf("commands: %q is no format for answers", s.o.Answers)
	}
	if s.o.Parallel < 1 || s.o.Waiting < 0 || s.o.Remember < 0 {
		return nil, errors.New("commands: ServeOptions: want Parallel above 0, and nothing negative")
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	for _, format := range s.o.Formats {
		stream, err := c.Executions(ctx, format, s.take, func(o *StreamOptions) {
			o.NoWait = s.o.NoWait
			o.Event = func(e reqres.StreamEvent) {
				if e.Status == reqres.Halted && !errors.Is(e.Err, mqtt.ErrClosed) && !errors.Is(e.Err, reqres.ErrClosed) {
					s.report(fmt.Errorf("commands: no more commands for %s: %w", c.id, e.Err))
				}
			}
		})
		if err != nil {
			s.Close()
			return nil, err
		}
		s.streams = append(s.streams, stream)
	}
	return s, nil
}

// Wait waits until the broker sends commands, where [ServeOptions.NoWait] made Serve not wait.
func (s *Server) Wait(ctx context.Context) error {
	for _, stream := range s.streams {
		if err := stream.Wait(ctx); err != nil {
			return fmt.Errorf("commands: for %s: %w", s.c.id, err)
		}
	}
	return nil
}

// Close takes no more commands, ends the contexts of the handlers and waits for them. What they return is not answered
// any more: the service takes the execution for timed out. A handler must not call it.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	for _, stream := range s.streams {
		stream.Close()
	}
	s.cancel()
	s.working.Wait()
}

// take begins with a command, unless it has come before.
func (s *Server) take(e *Execution) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.known[e.ID] {
		return
	}
	s.known[e.ID] = true
	c := &Command{Execution: *e, s: s}
	if e.Timeout > 0 {
		c.Deadline = time.Now().Add(e.Timeout)
	}
	if s.running == s.o.Parallel && len(s.queue) >= s.o.Waiting {
		s.working.Go(func() {
			s.answer(c, nil, Reject("TOO_MANY_COMMANDS", "too many commands are waiting"))
			s.forget(c)
		})
		return
	}
	s.queue = append(s.queue, c)
	s.pump()
}

// pump begins with the commands whose turn has come. s.mu is held.
func (s *Server) pump() {
	for len(s.queue) > 0 && s.running < s.o.Parallel && !s.closed {
		c := s.queue[0]
		s.queue = s.queue[1:]
		s.running++
		s.working.Go(func() { s.obey(c) })
	}
}

func (s *Server) obey(c *Command) {
	defer s.forget(c)
	ctx, cancel := s.ctx, context.CancelFunc(func() {})
	if !c.Deadline.IsZero() {
		ctx, cancel = context.WithDeadline(ctx, c.Deadline)
	}
	defer cancel()
	result, err := s.call(ctx, c)
	s.mu.Lock()
	s.running--
	s.pump() // the answer may take a while
	s.mu.Unlock()
	s.answer(c, result, err)
}

// forget lets the oldest execution that is over be unknown again.
func (s *Server) forget(c *Command) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = append(s.over, c.ID)
	for len(s.over) > s.o.Remember {
		delete(s.known, s.over[0])
		s.over = s.over[1:]
	}
}

// call runs the handler, whose panic is a failure.
func (s *Server) call(ctx context.Context, c *Command) (result Result, err error) {
	over := false
	defer func() {
		if over {
			return
		}
		v := recover()
		result, err = nil, fmt.Errorf("panic: %v", v)
		s.report(fmt.Errorf("commands: the handler of %s: %w\n%s", c.ID, err, debug.Stack()))
	}()
	result, err = s.handler(ctx, c)
	over = true
	return result, err
}

// answer says how a command ended, until the service has taken that.
func (s *Server) answer(c *Command, result Result, err error) {
	u := Update{Status: Succeeded, Result: result}
	if err != nil {
		u = Update{Status: Failed, Reason: &Reason{Code: "FAILED", Description: printable(err.Error())}}
		if r, ok := errors.AsType[*rejection](err); ok {
			u.Status, u.Reason.Code = Rejected, r.code
		} else if errors.Is(err, context.DeadlineExceeded) && !c.Deadline.IsZero() && !time.Now().Before(c.Deadline) {
			u.Status, u.Reason.Code = TimedOut, "TIMED_OUT"
		}
	}
	client := s.c.r.MQTT()
	connects := client.Stats().Connects
	for failures := 0; s.ctx.Err() == nil; failures++ {
		_, err := client.Connected(s.ctx)
		if err == nil {
			ctx, cancel := context.WithTimeout(s.ctx, requestTimeout)
			err = s.c.Update(ctx, c.ID, s.o.Answers, u)
			cancel()
		}
		switch {
		case err == nil || errors.Is(err, mqtt.ErrClosed) || errors.Is(err, reqres.ErrClosed):
			return
		case errors.Is(err, ErrTerminal) && (failures > 0 || client.Stats().Connects != connects):
			return // the service has it: its acknowledgement was lost, or it was sent twice at QoS 1
		case errors.Is(err, ErrTerminal), errors.Is(err, ErrInvalidStateTransition), errors.Is(err, ErrNotFound):
			s.report(err)
			return
		case errors.Is(err, ErrInvalidRequest), reqres.TooLong(err):
			s.report(err)
			if u.Reason == nil && u.Result == nil {
				return
			}
			u.Reason, u.Result = nil, nil // more important than what came of it is that it is over
		default:
			s.report(err)
			reqres.Pause(s.ctx, failures, longestPause)
		}
	}
}

func (s *Server) report(err error) {
	if f := s.o.Report; f != nil && s.ctx.Err() == nil {
		f(err)
	}
}

// requestTimeout is how long an acknowledgement may take while there is a connection.
const requestTimeout = 30 * time.Second

// longestPause is short: commands are in a hurry.
const longestPause = 16 * time.Second

type rejection struct{ code, reason string }

func (r *rejection) Error() string { return r.reason }

// Reject makes an error by which a handler says that the device does not obey. code has up to 64 of A-Z, 0-9, _ and -.
func Reject(code, reason string) error { return &rejection{code, reason} }

// printable makes a text that the service takes as a description.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if runes := []rune(s); len(runes) > 1000 {
		s = string(runes[:1000]) + "..."
	}
	return s
}
