package awsiot

import (
	"errors"
	"time"
)

// row is one explanation. In its texts {client}, {topic} and the like stand for what is known.
type row struct {
	cause  Cause
	when   func(f *facts) bool
	likely string
	check  []string
	grant  func(f *facts) string // the statement that may be missing; nil: no policy is in question
}

// tables are asked in this order; the first row that fits explains.
var tables = [][]row{credentialRows, networkRows, tlsRows, upgradeRows, connectRows, disconnectRows, hangUpRows, operationRows}

func (f *facts) explain() error {
	if _, ok := errors.AsType[*Refusal](f.err); ok {
		return f.err
	}
	f.read()
	for _, rows := range tables {
		for i := range rows {
			if rows[i].when(f) {
				return rows[i].refusal(f)
			}
		}
	}
	return f.err
}

func (r *row) refusal(f *facts) *Refusal {
	out := &Refusal{Cause: r.cause, Likely: f.fill(r.likely), Err: f.err}
	for _, c := range r.check {
		out.Check = append(out.Check, f.fill(c))
	}
	if r.grant != nil {
		out.Statement = r.grant(f)
	}
	return out
}

// explain is the endpoint's Explain: for errors of attempts and of connections.
func (g *gate) explain(err error) error {
	attempt, before := errors.AsType[*attemptError](err)
	if before && attempt.ours {
		return err
	}
	g.mu.Lock()
	f := &facts{
		err: err, mode: g.mode, host: g.host, port: g.opts.Port, region: g.opts.Region, version: g.version, clientID: g.clientID,
		now: g.opts.Now(),
	}
	last, shared := g.last, g.shared
	g.mu.Unlock()
	f.leaf = g.id.certificate()
	if !before && last != nil {
		f.connected, f.accepted = true, last.answered.Load()
		if !shared {
			f.last, f.age = last.lastSent(f.version), time.Since(last.opened)
			f.lastAge = time.Since(f.last.at)
		}
	}
	return f.explain()
}

// Explain explains the error of an operation: a publish, subscribe or unsubscribe that AWS IoT Core refused. It returns a
// [*Refusal], or err itself where there is nothing to add. Errors of attempts to connect and of connections need no such
// call: the endpoints of this package explain them.
func Explain(err error) error {
	if err == nil {
		return nil
	}
	return (&facts{err: err}).explain()
}
