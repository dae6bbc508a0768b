package packet

import (
	"errors"
	"strings"
	"testing"
)

// TestMalformed holds the decoder against packets that break one rule each: the error names that rule, and the reason
// code that a DISCONNECT for it carries.
func TestMalformed(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t, "malformed") {
		t.Run(v.file+"/"+v.name, func(t *testing.T) {
			t.Parallel()
			if clause, _, ok := strings.Cut(v.name, ": "); !ok || clause != v.clause {
				t.Errorf("%v: the name does not start with the clause %s", v, v.clause)
			}
			for _, version := range v.versions {
				checkMalformed(t, v, version)
			}
		})
	}
}

func checkMalformed(t *testing.T, v *vector, version Version) {
	_, strict := v.options["strict"]
	var limit uint32
	if text, ok := v.options["limit"]; ok {
		limit = uint32(v.number(t, text))
	}
	want := &Error{Packet: Type(v.wire[0] >> 4), Code: v.code, Clause: v.clause}
	d := &Decoder{Version: version, Strict: strict}
	f, n, err := ScanFrame(v.wire, limit)
	if err == nil {
		if n != len(v.wire) {
			t.Fatalf("%v: the packet has %d of %d bytes", v, n, len(v.wire))
		}
		var p Packet
		if p, err = d.Decode(f); p != nil {
			t.Errorf("%v: %v: a packet beside the error: %#v", v, version, p)
		}
	}
	if !errors.Is(err, want) {
		t.Errorf("%v: %v: got %v, want %v [%s]", v, version, err, v.code, v.clause)
	}
	if got := decodeByBytes(v.wire, limit, d); !errors.Is(got, want) {
		t.Errorf("%v: %v: byte by byte: got %v, want %v [%s]", v, version, got, v.code, v.clause)
	}
	if strict {
		if _, err := (&Decoder{Version: version}).Decode(f); err != nil {
			t.Errorf("%v: refused without strict, too: %v", v, err)
		}
	}
}

// decodeByBytes feeds a framer one byte at a time and returns the first error.
func decodeByBytes(wire []byte, limit uint32, d *Decoder) error {
	framer := Framer{Limit: limit}
	for i := range wire {
		f, _, ok, err := framer.Next(wire[i : i+1])
		if ok {
			_, err = d.Decode(f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
