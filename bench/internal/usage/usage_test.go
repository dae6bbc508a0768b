//go:build linux

package usage

import (
	"testing"
	"time"
)

func TestCPUCountsWork(t *testing.T) {
	before, x := CPU(), 1.0
	for deadline := time.Now().Add(10 * time.Second); CPU()-before < 5*time.Millisecond; {
		for i := range 1_000_000 {
			x += 1 / (x + float64(i))
		}
		if time.Now().After(deadline) {
			t.Fatalf("no processor time is seen: %v (%v)", CPU()-before, x)
		}
	}
}

func TestResidentSeesTouchedMemory(t *testing.T) {
	const size = 64 << 20
	before := Resident()
	block := make([]byte, size)
	for i := 0; i < size; i += 4096 {
		block[i] = 1
	}
	if grown := Resident() - before; grown < size/2 {
		t.Errorf("touching %d bytes added %d", size, grown)
	}
	if block[size-4096] != 1 {
		t.Fatal("unreachable: keeps the block alive")
	}
}
