package awsiot

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func bundles(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("testdata/pkcs12/*.p12")
	if err != nil || len(names) < 4 {
		t.Fatal(names, err)
	}
	all := make(map[string][]byte)
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = data
	}
	return all
}

// The library takes as many iterations as a file asks for: a bit that has flipped must not hang the program.
func TestIterationsAreBounded(t *testing.T) {
	t.Parallel()
	for name, data := range bundles(t) {
		if laborious(data, 0) {
			t.Errorf("%s is refused", name)
		}
		for _, old := range [][]byte{{0x02, 0x02, 0x08, 0x00}, {0x02, 0x02, 0x27, 0x10}} { // INTEGER 2048 and 10,000
			for from := 0; ; {
				i := bytes.Index(data[from:], old)
				if i < 0 {
					break
				}
				i += from
				from = i + 1
				// The number grows by three bytes, and so does everything around it: made of an INTEGER of the same size
				// it could not be large enough to tell.
				grown := grow(data, i, []byte{0x02, 0x04, 0x7F, 0xFF, 0xFF, 0xFF})
				if grown == nil {
					continue
				}
				started := time.Now()
				_, err := decode(grown, "correct horse")
				if err == nil || !strings.Contains(err.Error(), "more than 10000000 iterations") || time.Since(started) > 10*time.Second {
					t.Errorf("%s at %d: %v", name, i, err)
				}
			}
		}
	}
}

// grow replaces the four bytes at i by more, and corrects the lengths of what is around them. nil: they are no element.
func grow(der []byte, i int, by []byte) []byte {
	more := len(by) - 4
	out := append(append(append([]byte(nil), der[:i]...), by...), der[i+4:]...)
	for at := 0; at < i; {
		size, head := 0, 2
		switch b := der[at+1]; {
		case b < 0x80:
			size = int(b)
		case b == 0x81:
			size, head = int(der[at+2]), 3
		case b == 0x82:
			size, head = int(der[at+2])<<8|int(der[at+3]), 4
		default:
			return nil
		}
		if at+head+size <= i { // beside it
			at += head + size
			continue
		}
		size += more
		switch head {
		case 2:
			if size >= 0x80 {
				return nil
			}
			out[at+1] = byte(size)
		case 3:
			if size > 0xFF {
				return nil
			}
			out[at+2] = byte(size)
		case 4:
			out[at+2], out[at+3] = byte(size>>8), byte(size)
		}
		at += head
		if at == i {
			return out
		}
	}
	return nil
}

// Damaged files are errors, in bounded time.
func FuzzPKCS12(f *testing.F) {
	for _, data := range bundles(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if pair, err := decode(data, "correct horse"); err == nil && (pair.Leaf == nil || pair.PrivateKey == nil || len(pair.Certificate) == 0) {
			t.Errorf("half of a pair: %+v", pair)
		}
	})
}
