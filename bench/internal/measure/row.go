package measure

import "fmt"

// Mode is a way of using a client.
type Mode int

const (
	// Sync is one caller that waits for each message.
	Sync Mode = iota
	// Outstanding keeps a window of publishes in flight in whatever way the
	// library offers: callbacks, tokens, or goroutines where it has neither.
	Outstanding
	// Goroutines keeps a window of publishes in flight by as many goroutines
	// in a blocking Publish, for every library.
	Goroutines
	// Receive takes messages from the sink.
	Receive
	// Borrow is Receive with payloads that are only lent to the handler,
	// where the library can do that.
	Borrow
)

// Row is one line of the comparison.
type Row struct {
	Mode    Mode
	QoS     byte
	Window  int // publishes in flight; 1 for Sync, unused for receiving
	Payload int // bytes
}

// DefaultPayload is the payload of a row that does not say otherwise, in bytes.
const DefaultPayload = 64

func (r Row) receives() bool { return r.Mode == Receive || r.Mode == Borrow }

func (r Row) String() string {
	var s string
	switch r.Mode {
	case Sync:
		s = fmt.Sprintf("publish QoS %d, one caller", r.QoS)
	case Outstanding:
		s = fmt.Sprintf("publish QoS %d, %d outstanding", r.QoS, r.Window)
	case Goroutines:
		s = fmt.Sprintf("publish QoS %d, %d goroutines", r.QoS, r.Window)
	case Receive:
		s = fmt.Sprintf("receive QoS %d", r.QoS)
	case Borrow:
		s = fmt.Sprintf("receive QoS %d, payloads lent", r.QoS)
	}
	if r.Payload != DefaultPayload {
		s += fmt.Sprintf(", %d B", r.Payload)
	}
	return s
}

// QuickRows is the short comparison.
func QuickRows() []Row {
	return append(publishRows(0, 1), receiveRows(DefaultPayload)...)
}

// AllRows is the thorough comparison.
func AllRows() []Row {
	rows := publishRows(0, 1, 2)
	for qos := range byte(3) {
		rows = append(rows,
			Row{Goroutines, qos, 100, DefaultPayload},
			Row{Goroutines, qos, 1000, DefaultPayload})
	}
	rows = append(rows, receiveRows(DefaultPayload)...)
	rows = append(rows, Row{Borrow, 0, 0, DefaultPayload}, Row{Borrow, 1, 0, DefaultPayload})
	for _, payload := range []int{1 << 10, 16 << 10} {
		rows = append(rows,
			Row{Outstanding, 0, 100, payload},
			Row{Outstanding, 1, 100, payload})
		rows = append(rows, receiveRows(payload)...)
	}
	return rows
}

func publishRows(qos ...byte) []Row {
	var rows []Row
	for _, q := range qos {
		rows = append(rows,
			Row{Sync, q, 1, DefaultPayload},
			Row{Outstanding, q, 100, DefaultPayload},
			Row{Outstanding, q, 1000, DefaultPayload})
	}
	return rows
}

func receiveRows(payload int) []Row {
	return []Row{{Receive, 0, 0, payload}, {Receive, 1, 0, payload}}
}
