package provisioning

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// The files of a directory. Each is complete or absent: it is written under another name, brought to the disk, and renamed.
const (
	keyFile     = "private.key"     // the key, unless it is in a Signer
	pendingFile = "pending.json"    // a certificate that is not registered, or not in its files yet
	certFile    = "certificate.pem" // of the identity
	identFile   = "identity.json"   // the rest of it; where it is there, provisioning is over
	maxFile     = 1 << 20           // bytes; a larger file is not one of ours
)

// pending is what is known between the certificate and the registration. The key is in here while the service made it: one
// file that is there or not leaves no certificate without its key.
type pending struct {
	Template    string      `json:"template"`
	Certificate Certificate `json:"certificate"`
	Created     time.Time   `json:"created"`
	Thing       *Thing      `json:"thing,omitempty"` // registered: only the files are left to do
}

// identity is what the file of that name has.
type identity struct {
	Thing         string            `json:"thingName"`
	CertificateID string            `json:"certificateId"`
	Template      string            `json:"template"`
	Configuration map[string]string `json:"deviceConfiguration,omitempty"`
}

// dir is the directory of an identity.
type dir string

func (d dir) path(name string) string { return filepath.Join(string(d), name) }

// read returns a file; an error is fs.ErrNotExist where there is none.
func (d dir) read(name string) ([]byte, error) {
	f, err := os.Open(d.path(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && (info.Size() > maxFile || !info.Mode().IsRegular()) {
		err = fmt.Errorf("%s is no file of at most %d bytes", d.path(name), maxFile)
	}
	if err != nil {
		return nil, err
	}
	content := make([]byte, info.Size())
	n, err := f.ReadAt(content, 0)
	if n == len(content) {
		err = nil
	}
	return content, err
}

func (d dir) readJSON(name string, to any) error {
	content, err := d.read(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, to); err != nil {
		return fmt.Errorf("%s: %w", d.path(name), err)
	}
	return nil
}

// write puts a file there that only its owner can read. After it returns, the file survives a loss of power.
func (d dir) write(name string, content []byte) (err error) {
	step("write " + name)
	f, err := os.CreateTemp(string(d), name+".*.tmp") // with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(content); err != nil {
		return err
	}
	step("sync " + name)
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	step("rename " + name)
	if err = os.Rename(f.Name(), d.path(name)); err != nil {
		return err
	}
	step("renamed " + name)
	return d.sync()
}

func (d dir) writeJSON(name string, v any) error {
	content, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return d.write(name, content)
}

// remove takes a file away.
func (d dir) remove(name string) error {
	step("remove " + name)
	if err := os.Remove(d.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return d.sync()
}

// prepare makes the directory, and takes away what an earlier process has left half written.
func (d dir) prepare() error {
	if err := d.mkdir(); err != nil {
		return err
	}
	list, err := os.ReadDir(string(d))
	if err != nil {
		return err
	}
	for _, e := range list {
		if strings.HasSuffix(e.Name(), ".tmp") {
			if err := os.Remove(d.path(e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// mkdir makes the directory, and those above it, so that they survive a loss of power too.
func (d dir) mkdir() error {
	var made []string // from below
	for at := filepath.Clean(string(d)); ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil || at == filepath.Dir(at) {
			break
		}
		made = append(made, at)
	}
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	for _, at := range made {
		if err := dir(filepath.Dir(at)).sync(); err != nil {
			return err
		}
	}
	return nil
}

// sync brings the names of the files to the disk. Windows does so by itself, and cannot be asked to.
func (d dir) sync() error {
	if runtime.GOOS == "windows" || runtime.GOOS == "plan9" {
		return nil
	}
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// step is where tests end the process.
var step = func(string) {}
