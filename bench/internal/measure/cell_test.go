package measure

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/contender"
)

// Every library in every mode, with 200 messages.
func TestCells(t *testing.T) {
	t.Parallel()
	var rows []Row
	for qos := range byte(3) {
		rows = append(rows, Row{Sync, qos, 1, 64}, Row{Outstanding, qos, 10, 64}, Row{Goroutines, qos, 10, 1000})
	}
	rows = append(rows, Row{Receive, 0, 0, 64}, Row{Receive, 1, 0, 5000}, Row{Borrow, 0, 0, 64}, Row{Borrow, 1, 0, 64})
	for _, lib := range contender.Libraries() {
		t.Run(lib.Name, func(t *testing.T) {
			t.Parallel()
			r := &Runner{Sink: startSink(t)}
			for _, row := range rows {
				result, err := r.Cell(&lib, row, 200)
				if err != nil {
					t.Errorf("%s: %v", row, err)
				} else if result.Messages != 200 || result.Elapsed <= 0 || !(result.Rate() > 0) {
					t.Errorf("%s: %+v", row, result)
				}
			}
		})
	}
}

// liar wraps the floor and spoils one thing.
type liar struct {
	contender.Client
	publish   func(l *liar, m contender.Message) error
	onPayload func(deliver func([]byte), payload []byte)
	published atomic.Int64
	closed    chan struct{}
	once      sync.Once
	mu        sync.Mutex
}

func (l *liar) Publish(m contender.Message) error {
	l.published.Add(1)
	if l.publish != nil {
		return l.publish(l, m)
	}
	return l.honest(m)
}

// honest serializes the floor, which is for one caller.
func (l *liar) honest(m contender.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Client.Publish(m)
}

func (l *liar) Subscribe(filter string, qos byte, onPayload func([]byte)) error {
	if l.onPayload == nil {
		return l.Client.Subscribe(filter, qos, onPayload)
	}
	return l.Client.Subscribe(filter, qos, func(p []byte) { l.onPayload(onPayload, p) })
}

func (l *liar) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Client.Close()
}

// asyncLiar is a liar with callbacks: complete is called for each publish.
type asyncLiar struct {
	*liar
	complete func(n int64, done func(error))
}

func (l *asyncLiar) Publisher(done func(error)) func(contender.Message) error {
	return func(m contender.Message) error {
		if err := l.liar.Publish(m); err != nil {
			return err
		}
		l.complete(l.published.Load(), done)
		return nil
	}
}

func lying(spoil func(l *liar) contender.Client) *contender.Library {
	libs := contender.Libraries()
	floor := libs[len(libs)-1]
	return &contender.Library{Name: "liar", New: func() contender.Client {
		l := &liar{Client: floor.New(), closed: make(chan struct{})}
		return spoil(l)
	}}
}

func publishing(publish func(l *liar, m contender.Message) error) *contender.Library {
	return lying(func(l *liar) contender.Client { l.publish = publish; return l })
}

func completing(complete func(n int64, done func(error))) *contender.Library {
	return lying(func(l *liar) contender.Client { return &asyncLiar{l, complete} })
}

func delivering(onPayload func(deliver func([]byte), payload []byte)) *contender.Library {
	return lying(func(l *liar) contender.Client { l.onPayload = onPayload; return l })
}

var errRefused = errors.New("refused")

// A cell that cannot prove its count is an error, not a number.
func TestCellsFindLiars(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lib  *contender.Library
		row  Row
		want string
	}{
		"honest": {publishing(nil), Row{Sync, 1, 1, 64}, ""},
		"honest with callbacks": {completing(func(_ int64, done func(error)) { done(nil) }),
			Row{Outstanding, 1, 5, 64}, ""},
		"honest with late callbacks": {completing(func(_ int64, done func(error)) { go done(nil) }),
			Row{Outstanding, 1, 5, 64}, ""},
		"an error": {publishing(func(l *liar, m contender.Message) error {
			if l.published.Load() == 150 {
				return errRefused
			}
			return l.honest(m)
		}), Row{Sync, 1, 1, 64}, "refused"},
		"an error in a goroutine": {publishing(func(l *liar, m contender.Message) error {
			if l.published.Load() == 150 {
				return errRefused
			}
			return l.honest(m)
		}), Row{Goroutines, 1, 10, 64}, "refused"},
		"an error in a callback": {completing(func(n int64, done func(error)) {
			if n == 150 {
				done(errRefused)
			} else {
				done(nil)
			}
		}), Row{Outstanding, 1, 5, 64}, "refused"},
		"an error at warm-up": {publishing(func(*liar, contender.Message) error { return errRefused }),
			Row{Sync, 1, 1, 64}, "warm-up: refused"},
		"too many": {publishing(func(l *liar, m contender.Message) error {
			if l.published.Load() == 150 {
				_ = l.honest(m)
			}
			return l.honest(m)
		}), Row{Sync, 1, 1, 64}, "the sink counted"},
		"another payload": {publishing(func(l *liar, m contender.Message) error {
			m.Payload = m.Payload[1:]
			return l.honest(m)
		}), Row{Sync, 0, 1, 64}, "the sink counted"},
		"another QoS": {publishing(func(l *liar, m contender.Message) error {
			m.QoS = 1
			return l.honest(m)
		}), Row{Sync, 2, 1, 64}, "the sink counted"},
		"a completion twice": {completing(func(n int64, done func(error)) {
			done(nil)
			if n == 210 {
				done(nil)
			}
		}), Row{Outstanding, 1, 5, 64}, "completions for"},
		"a message twice": {delivering(func(deliver func([]byte), p []byte) {
			deliver(p)
			deliver(p)
		}), Row{Receive, 0, 0, 64}, "handled"},
		"a payload cut short": {delivering(func(deliver func([]byte), p []byte) { deliver(p[1:]) }),
			Row{Receive, 1, 0, 64}, "wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &Runner{Sink: startSink(t)}
			_, err := r.Cell(c.lib, c.row, 200)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestCellsGiveUpOnClientsThatHang(t *testing.T) {
	t.Parallel()
	hang := func(l *liar, _ contender.Message) error { <-l.closed; return errRefused }
	for name, c := range map[string]struct {
		lib *contender.Library
		row Row
	}{
		"publish":           {publishing(hang), Row{Sync, 1, 1, 64}},
		"goroutines":        {publishing(hang), Row{Goroutines, 1, 3, 64}},
		"no callback":       {completing(func(int64, func(error)) {}), Row{Outstanding, 1, 5, 64}},
		"nothing delivered": {delivering(func(func([]byte), []byte) {}), Row{Receive, 1, 0, 64}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &Runner{Sink: startSink(t), Limit: 2 * time.Second}
			if _, err := r.Cell(c.lib, c.row, 200); !errors.Is(err, errTimeout) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestCellWithoutASink(t *testing.T) {
	t.Parallel()
	server := startSink(t)
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	r := &Runner{Sink: server}
	if _, err := r.Cell(publishing(nil), Row{Sync, 1, 1, 64}, 10); err == nil {
		t.Error("a cell without a sink has a result")
	}
}
