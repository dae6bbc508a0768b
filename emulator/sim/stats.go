package sim

import (
	"time"
)

// Stats counts what has happened in one world or in many.
type Stats struct {
	Seeds      int
	Simulated  time.Duration
	Faults     [numFaults]uint64
	Acts       [numActs]uint64
	Ops        [3]uint64 // publishes, subscribes and unsubscribes that were accepted
	Refused    uint64    // operations that were refused at once
	Succeeded  uint64
	Failed     uint64
	Canceled   uint64
	TimedOut   uint64
	Delayed    uint64 // subscriptions that were not restored at once
	Restored   uint64 // operations that an earlier process had left
	Lost       uint64 // operations that ended with their process
	Accepted   uint64 // messages that the broker took
	Deliveries uint64 // messages that reached an application
	Acks       uint64
	Void       uint64 // acknowledgements that were void
	Dropped    uint64 // messages that the broker dropped for a session, and said so
	Attempts   uint64 // to connect
	Connects   uint64
	PacketsOut uint64
	PacketsIn  uint64
	Batches    uint64 // of records
	Records    uint64
	Violations int
}

func (s *Stats) finished(err error) {
	if err == nil {
		s.Succeeded++
	} else {
		s.Failed++
	}
}

// Add adds what happened elsewhere.
func (s *Stats) Add(o *Stats) {
	s.Seeds += o.Seeds
	s.Simulated += o.Simulated
	for i := range o.Faults {
		s.Faults[i] += o.Faults[i]
	}
	for i := range o.Acts {
		s.Acts[i] += o.Acts[i]
	}
	for i := range o.Ops {
		s.Ops[i] += o.Ops[i]
	}
	for _, p := range [][2]*uint64{
		{&s.Refused, &o.Refused}, {&s.Succeeded, &o.Succeeded}, {&s.Failed, &o.Failed}, {&s.Canceled, &o.Canceled},
		{&s.TimedOut, &o.TimedOut}, {&s.Delayed, &o.Delayed}, {&s.Restored, &o.Restored}, {&s.Lost, &o.Lost}, {&s.Accepted, &o.Accepted},
		{&s.Deliveries, &o.Deliveries}, {&s.Acks, &o.Acks}, {&s.Void, &o.Void}, {&s.Dropped, &o.Dropped},
		{&s.Attempts, &o.Attempts}, {&s.Connects, &o.Connects}, {&s.PacketsOut, &o.PacketsOut}, {&s.PacketsIn, &o.PacketsIn},
		{&s.Batches, &o.Batches}, {&s.Records, &o.Records},
	} {
		*p[0] += *p[1]
	}
	s.Violations += o.Violations
}

// TotalFaults is the sum over all kinds.
func (s *Stats) TotalFaults() (n uint64) {
	for _, f := range s.Faults {
		n += f
	}
	return n
}
