package sink

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"time"
)

// ChildArg is the first argument of a process that is to be a sink. The main
// function of whoever calls [Start] looks for it and hands over to [Child].
const ChildArg = "-internal-sink"

// request and reply are one line each on the child's standard input and output.
type request struct {
	ClientID           string `json:",omitempty"` // empty: only the processor time is asked for
	Published, Pubacks uint64
	Timeout            time.Duration
}

type reply struct {
	Addr   string `json:",omitempty"` // in the first reply, which nobody asked for
	Counts Counts
	CPU    time.Duration
	Err    string `json:",omitempty"`
}

// Child serves a sink until in ends, which it does when the parent goes away,
// however it goes.
func Child(in io.Reader, out io.Writer) error {
	// One connection is busy at a time: a second scheduler thread would only
	// spin on a core that the client wants.
	runtime.GOMAXPROCS(1)
	server, err := Listen()
	if err != nil {
		return err
	}
	defer server.Close()
	return serveControl(server, in, out)
}

func serveControl(server *Server, in io.Reader, out io.Writer) error {
	enc, dec := json.NewEncoder(out), json.NewDecoder(in)
	if err := enc.Encode(reply{Addr: server.Addr()}); err != nil {
		return fmt.Errorf("sink: %w", err)
	}
	for {
		var q request
		if err := dec.Decode(&q); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("sink: %w", err)
		}
		var r reply
		if q.ClientID != "" {
			counts, err := server.Await(q.ClientID, q.Published, q.Pubacks, q.Timeout)
			if err != nil {
				r.Err = err.Error()
			}
			r.Counts = counts
		}
		r.CPU, _ = server.CPU()
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("sink: %w", err)
		}
	}
}
