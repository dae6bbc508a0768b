package packet

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"
)

// TestGolden holds the codec against bytes written by hand from the specification: they decode to the described
// packet, and the described packet is written as those bytes. A round trip alone could not see a mistake made on
// both sides.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t, "golden") {
		t.Run(v.file+"/"+v.name, func(t *testing.T) {
			t.Parallel()
			for _, version := range v.versions {
				_, decodeOnly := v.options["decode"]
				checkGolden(t, v, version, !decodeOnly)
			}
		})
	}
}

func checkGolden(t *testing.T, v *vector, version Version, encode bool) {
	want := v.build(t)
	d := &Decoder{Version: version}
	got, err := d.Decode(v.frame(t))
	if err != nil {
		t.Fatalf("%v: %v: %v", v, version, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v: %v: decoded\n%s, want\n%s", v, version, brief(got), brief(want))
	}
	wire, err := want.Append(nil, version)
	if err != nil {
		t.Fatalf("%v: %v: %v", v, version, err)
	}
	if encode {
		if !bytes.Equal(wire, v.wire) {
			t.Errorf("%v: %v: wrote\n% x, want\n% x", v, version, head(wire), head(v.wire))
		}
		return
	}
	if bytes.Equal(wire, v.wire) {
		t.Errorf("%v: %v: the encoder writes these very bytes: the vector need not be for decoding alone", v, version)
	}
	f, _, err := ScanFrame(wire, 0)
	if err != nil {
		t.Fatal(err)
	}
	again, err := d.Decode(f)
	if err != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("%v: %v: the shortest form % x decodes to\n%s (%v), want\n%s", v, version, head(wire), brief(again), err, brief(want))
	}
}

// brief describes a packet whose payload may be long.
func brief(p Packet) string { return fmt.Sprintf("%.800s", fmt.Sprintf("%#v", p)) }

func head(b []byte) []byte { return b[:min(len(b), 100)] }

// TestGoldenAppendsOnly shows that encoders leave what dst already holds alone, on success and on an error.
func TestGoldenAppendsOnly(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t, "golden") {
		p := v.build(t)
		dst := append(make([]byte, 0, 64), "before"...)
		got, err := p.Append(dst, v.versions[0])
		if err != nil || !bytes.HasPrefix(got, []byte("before")) {
			t.Errorf("%v: %q, %v", v, head(got), err)
		}
		if !reflect.DeepEqual(p, v.build(t)) {
			t.Errorf("%v: Append changed the packet", v)
		}
	}
}

// TestGoldenCoverage shows that no packet type, version or property lacks a golden vector.
func TestGoldenCoverage(t *testing.T) {
	t.Parallel()
	types := map[Version]map[Type]bool{V5: {}, V311: {}}
	seen := map[Type]map[byte]bool{}
	for _, v := range loadVectors(t, "golden") {
		f := v.frame(t)
		for _, version := range v.versions {
			types[version][f.Type()] = true
			if version == V5 {
				collectProperties(t, f, seen)
			}
		}
	}
	for typ := CONNECT; typ <= AUTH; typ++ {
		if !types[V5][typ] || !types[V311][typ] && typ != AUTH {
			t.Errorf("%v lacks a golden vector", typ)
		}
	}
	for _, row := range specProperties {
		for _, typ := range row.packets {
			if !seen[typ][row.id] {
				t.Errorf("no golden vector with property 0x%02X in %v", row.id, typ)
			}
		}
	}
}
