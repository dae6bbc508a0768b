package broker

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// mosquitto is a process with a folder of its own.
type mosquitto struct {
	program string
	dir     string
	address string
	options Options

	process *exec.Cmd
	ended   chan error
}

func newMosquitto(t testing.TB, b *Broker, o Options) *mosquitto {
	m := &mosquitto{program: Require(t, mosquittoProgram), dir: t.TempDir(), address: b.TCP, options: o}
	if err := m.configure(b); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *mosquitto) file(name string) string { return filepath.Join(m.dir, name) }

func (m *mosquitto) start() error {
	log, err := os.OpenFile(m.file("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	m.process = exec.Command(m.program, "-c", m.file("mosquitto.conf"))
	m.process.Stdout, m.process.Stderr = log, log
	if err := m.process.Start(); err != nil {
		m.process = nil
		return err
	}
	process := m.process
	m.ended = make(chan error, 1)
	go func() { m.ended <- process.Wait() }()
	return m.awaitListening()
}

const startLimit = 10 * time.Second

func (m *mosquitto) awaitListening() error {
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); pause() {
		select {
		case err := <-m.ended:
			m.process = nil
			return fmt.Errorf("it ended at once: %v\n%s", err, m.lastWords())
		default:
		}
		if listening(m.address) {
			return nil
		}
	}
	return errors.Join(fmt.Errorf("nobody listens on %s after %v", m.address, startLimit), m.kill())
}

// lastWords are the end of the log.
func (m *mosquitto) lastWords() []byte {
	text, _ := os.ReadFile(m.file("log"))
	return text[max(0, len(text)-2000):]
}

func (m *mosquitto) kill() error { return m.end(syscall.SIGKILL) }

func (m *mosquitto) close() error { return m.kill() }

// stop lets it write its database and say goodbye.
func (m *mosquitto) stop() error { return m.end(syscall.SIGTERM) }

func (m *mosquitto) end(how os.Signal) error {
	if m.process == nil {
		return nil
	}
	if err := m.process.Process.Signal(how); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-m.ended
	m.process = nil
	return nil
}

// saved looks into the database, in which payloads are as they were sent. A new one replaces the old one as a whole.
func (m *mosquitto) saved(payload string) (bool, error) {
	if !m.options.Durable {
		return false, errors.New("this broker stores nothing")
	}
	if err := save(m.process.Process); err != nil { // not every change makes it write by itself
		return false, err
	}
	text, err := m.stored()
	return bytes.Contains(text, []byte(payload)), err
}

func (m *mosquitto) stored() ([]byte, error) {
	text, err := os.ReadFile(m.file("mosquitto.db"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return text, err
}
