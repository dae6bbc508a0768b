package wire

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"
)

// A reader of packets gets every one of them whole, however they arrive.
func TestBufferKeepsPacketsWhole(t *testing.T) {
	t.Parallel()
	var stream []byte
	sizes := []int{0, 10, 3000, 5000, 1, 100_000, MaxPacket - 10, 7, MaxPacket - 10}
	for _, size := range sizes {
		stream = AppendPublish(stream, V311, "t", bytes.Repeat([]byte{byte(size)}, size), 0, 0)
	}
	for name, r := range map[string]io.Reader{
		"at once":      bytes.NewReader(stream),
		"half":         iotest.HalfReader(bytes.NewReader(stream)),
		"data and EOF": iotest.DataErrReader(bytes.NewReader(stream)),
		"byte by byte": iotest.OneByteReader(bytes.NewReader(stream)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b Buffer
			for i, size := range sizes {
				for {
					header, body, n, err := Next(b.Unread(), MaxPacket)
					if err != nil {
						t.Fatal(err)
					}
					if n == 0 {
						if err := b.Fill(r); err != nil && err != io.EOF {
							t.Fatal(err)
						}
						continue
					}
					_, payload, _, err := ParsePublish(V311, header, body)
					if err != nil || !bytes.Equal(payload, bytes.Repeat([]byte{byte(size)}, size)) {
						t.Fatalf("packet %d: %d bytes of %d, %v", i, len(payload), size, err)
					}
					b.Skip(n)
					break
				}
			}
			if err := b.Fill(r); err != io.EOF || len(b.Unread()) != 0 {
				t.Errorf("%v, %d bytes left", err, len(b.Unread()))
			}
		})
	}
}

func TestBufferIsSmallWhileLittleComes(t *testing.T) {
	t.Parallel()
	var b Buffer
	for range 1000 {
		if err := b.Fill(bytes.NewReader(make([]byte, smallBuffer-1))); err != nil {
			t.Fatal(err)
		}
		b.Skip(len(b.Unread()))
	}
	if len(b.data) != smallBuffer {
		t.Errorf("%d bytes", len(b.data))
	}
}
