package direct

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
)

// maxPEM bounds what is read from one source. The largest bundles of public roots are a quarter of it.
const maxPEM = 1 << 20

// PEM is where certificates or a key come from: a file, which is read again at every attempt, or text. The zero value
// is none.
type PEM struct {
	file string
	// A function, because no way of formatting a struct around it can reach the text inside.
	text func() []byte
}

// File is PEM text in a file, read again at every attempt.
func File(name string) PEM { return PEM{file: name} }

// Bytes is PEM text itself. It is copied.
func Bytes(text []byte) PEM {
	text = append([]byte(nil), text...)
	return PEM{text: func() []byte { return text }}
}

func (p PEM) none() bool { return p.file == "" && p.text == nil }

// String names the source without its content.
func (p PEM) String() string {
	switch {
	case p.text != nil:
		return fmt.Sprintf("%d bytes of PEM", len(p.text()))
	case p.file != "":
		return p.file
	}
	return "no PEM"
}

// Format prints String for every verb.
func (p PEM) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(p.String())) }

// LogValue logs String.
func (p PEM) LogValue() slog.Value { return slog.StringValue(p.String()) }

// read returns the text, which the caller must not change.
func (p PEM) read() ([]byte, error) {
	if p.text != nil {
		if len(p.text()) > maxPEM {
			return nil, fmt.Errorf("%v is more than %d bytes", p, maxPEM)
		}
		return p.text(), nil
	}
	f, err := os.Open(p.file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxPEM:
		return nil, fmt.Errorf("%s is more than %d bytes", p.file, maxPEM)
	}
	return text, nil
}

var errNoPEM = errors.New("no PEM block")

// certificates returns the DER of all certificates in the text, in order. Other blocks are left alone: a file may
// hold the key as well.
func certificates(text []byte) ([][]byte, error) {
	var chain [][]byte
	seen := false
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		if block == nil {
			break
		}
		seen = true
		if block.Type == "CERTIFICATE" {
			chain = append(chain, block.Bytes)
		}
	}
	switch {
	case !seen:
		return nil, errNoPEM
	case len(chain) == 0:
		return nil, errors.New("no certificate among its PEM blocks")
	}
	return chain, nil
}
