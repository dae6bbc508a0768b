package sim

import "testing"

func TestOne(t *testing.T) {
	for seed := range uint64(20) {
		r := Run(seed, nil)
		if r.Violation != nil {
			t.Errorf("%v", r.Violation)
		}
		t.Logf("%d: %v faults %d ops %v deliveries %d", seed, r.Simulated, r.TotalFaults(), r.Ops, r.Deliveries)
	}
}
