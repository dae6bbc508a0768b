package emulator

import (
	"errors"
	"fmt"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/ca"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/statedir"
)

// keeper keeps the state of the AWS profile in a directory.
type keeper struct {
	dir   *statedir.Dir
	parts []part
	wake  chan struct{} // something may have changed
	over  chan struct{} // closed when the server has stopped
	done  chan struct{} // closed when the last write is over
	err   error         // of the last write
}

// part is a file of state.
type part struct {
	name string
	save func() []byte
	load func([]byte) error
}

// The files of the authority.
const (
	authorityCert = "ca.pem"
	authorityKey  = "ca.key"
)

// saveInterval is how long changes are gathered before they are written.
const saveInterval = 500 * time.Millisecond

// loadState reads what the directory has. It is called before anybody knows the server.
func (s *Server) loadState(dir *statedir.Dir) error {
	c := s.cloud
	k := &keeper{dir: dir, wake: make(chan struct{}, 1), over: make(chan struct{}), done: make(chan struct{})}
	k.parts = []part{
		{"account.json", c.account.Save, c.account.Load},
		{"shadows.json", c.services.shadow.Save, c.services.shadow.Load},
		{"jobs.json", c.services.jobs.Save, c.services.jobs.Load},
		{"provisioning.json", c.services.provisioning.Save, c.services.provisioning.Load},
		{"commands.json", c.services.commands.Save, c.services.commands.Load},
	}
	for _, p := range k.parts {
		data, err := dir.Read(p.name)
		if err != nil {
			return err
		}
		if data == nil {
			continue
		}
		if err := p.load(data); err != nil {
			return fmt.Errorf("%w (in %s)", err, p.name)
		}
	}
	c.keeper = k
	return nil
}

// loadAuthority returns the authority that the directory has, or makes one and writes it there.
func loadAuthority(dir *statedir.Dir) (*ca.Authority, error) {
	cert, err := dir.Read(authorityCert)
	if err != nil {
		return nil, err
	}
	key, err := dir.Read(authorityKey)
	if err != nil {
		return nil, err
	}
	if cert != nil && key != nil {
		return ca.Load(cert, key)
	}
	authority, err := ca.New()
	if err != nil {
		return nil, err
	}
	if cert, key, err = authority.Save(); err != nil {
		return nil, err
	}
	return authority, errors.Join(dir.Write(authorityKey, key), dir.Write(authorityCert, cert))
}

// note has what may have changed written soon.
func (k *keeper) note() { signal(k.wake) }

// keepState writes changes until the server has stopped, and then once more.
func (s *Server) keepState() {
	k := s.cloud.keeper
	defer close(k.done)
	for {
		select {
		case <-k.wake:
		case <-k.over:
			k.err = s.writeState()
			return
		}
		if err := s.writeState(); err != nil {
			s.log.Warn("state was not written", "error", err)
		}
		select {
		case <-time.After(saveInterval):
		case <-k.over:
		}
	}
}

// writeState writes what has changed. The server is locked only while the state is copied.
func (s *Server) writeState() error {
	k := s.cloud.keeper
	files := make([][]byte, len(k.parts))
	s.mu.Lock()
	for i, p := range k.parts {
		files[i] = p.save()
	}
	s.mu.Unlock()
	var errs []error
	for i, p := range k.parts {
		errs = append(errs, k.dir.Write(p.name, files[i]))
	}
	return errors.Join(errs...)
}

// close has the last changes written, and returns why that failed.
func (k *keeper) close() error {
	close(k.over)
	<-k.done
	return k.err
}
