package boltstore_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	boltstore "github.com/gneiss-mqtt/gneiss-go/stores/bolt"
)

var _ mqtt.SessionStore = (*boltstore.Store)(nil)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, noSync := range map[string]bool{"default": false, "no sync": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mqtttest.TestSessionStore(t, func(t *testing.T, dir string) mqtt.SessionStore {
				return open(t, filepath.Join(dir, "session.db"), func(o *boltstore.Options) { o.NoSync = noSync })
			})
		})
	}
}

func open(t *testing.T, path string, optFns ...func(*boltstore.Options)) *boltstore.Store {
	t.Helper()
	s, err := boltstore.Open(path, optFns...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func put(key uint64, value string) mqtt.Change { return mqtt.Change{Key: key, Value: []byte(value)} }

func mustApply(t *testing.T, s *boltstore.Store, changes ...mqtt.Change) {
	t.Helper()
	if err := s.Apply(changes); err != nil {
		t.Fatal(err)
	}
}

func mustClose(t *testing.T, s *boltstore.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "missing", "session")
	path := filepath.Join(dir, "session.db")
	open(t, path)
	if runtime.GOOS == "windows" {
		return // other rights
	}
	for name, mode := range map[string]fs.FileMode{dir: 0o700, path: 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v, want %v", name, info.Mode().Perm(), mode)
		}
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "session.db")
	for range 3 {
		s := open(t, path)
		_, err := boltstore.Open(path)
		if e, ok := errors.AsType[*boltstore.Error](err); !ok || !errors.Is(err, boltstore.ErrLocked) || e.Op != "open" {
			t.Fatalf("second Open returned %v", err)
		}
		mustClose(t, s)
		mustClose(t, s) // does nothing
		if err := s.Apply(nil); !errors.Is(err, boltstore.ErrClosed) {
			t.Errorf("Apply after Close returned %v", err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"no database": file, "a folder": dir, "below a file": filepath.Join(file, "session.db"),
	} {
		_, err := boltstore.Open(path)
		e, ok := errors.AsType[*boltstore.Error](err)
		if !ok || e.Path != path || e.Unwrap() == nil || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: Open returned %v", name, err)
		}
	}
}

func TestOverlap(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "session.db"))
	mustApply(t, s, put(1, "one"))
	err := s.Load(func(uint64, []byte) error {
		for name, err := range map[string]error{
			"Apply": s.Apply(nil),
			"Load":  s.Load(func(uint64, []byte) error { return nil }),
			"Close": s.Close(),
		} {
			if !errors.Is(err, boltstore.ErrBusy) {
				t.Errorf("%s within Load returned %v", name, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	mustApply(t, s, put(2, "two"))
}

// A panic of yield is the caller's, and leaves the store as it was.
func TestYieldPanics(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "session.db"))
	mustApply(t, s, put(1, "one"))
	func() {
		defer func() {
			if v := recover(); v != "mine" {
				t.Errorf("recovered %v", v)
			}
		}()
		_ = s.Load(func(uint64, []byte) error { panic("mine") })
	}()
	mustApply(t, s, put(2, "two"))
	if err := s.Load(func(uint64, []byte) error { return nil }); err != nil {
		t.Error(err)
	}
	mustClose(t, s)
}

// A bucket of the same name that holds something else.
func TestForeign(t *testing.T) {
	t.Parallel()
	for name, fill := range map[string]func(b *bolt.Bucket) error{
		"short key": func(b *bolt.Bucket) error { return b.Put([]byte("short"), []byte("x")) },
		"bucket": func(b *bolt.Bucket) error {
			_, err := b.CreateBucket([]byte("8 bytes."))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "session.db")
			db, err := bolt.Open(path, 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			err = db.Update(func(tx *bolt.Tx) error {
				b, err := tx.CreateBucket([]byte("session"))
				if err != nil {
					return err
				}
				return fill(b)
			})
			if err := errors.Join(err, db.Close()); err != nil {
				t.Fatal(err)
			}
			err = open(t, path).Load(func(uint64, []byte) error { return nil })
			if !errors.Is(err, boltstore.ErrForeign) {
				t.Errorf("Load returned %v", err)
			}
		})
	}
}

// A damaged file may be an error at any call, never a panic, and Close works all the same.
func TestDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "session.db")
	s := open(t, path)
	for i := range uint64(40) {
		var changes []mqtt.Change
		for j := range uint64(50) {
			changes = append(changes, put(i*50+j, strings.Repeat("x", int(j))))
		}
		mustApply(t, s, changes...)
	}
	mustClose(t, s)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	refused, panicked := 0, 0
	for range 150 {
		damaged := bytes.Clone(whole)
		for range 1 + rng.IntN(3) {
			from := rng.IntN(len(damaged) / 4096)
			page := damaged[from*4096:][:4096]
			switch rng.IntN(4) {
			case 0:
				clear(page)
			case 1:
				page[rng.IntN(len(page))] ^= 1 << rng.IntN(8)
			case 2:
				for i := range 24 { // the header of a page says most
					page[i] = byte(rng.Uint32())
				}
			case 3:
				damaged = damaged[:max(from, 5)*4096+rng.IntN(4096)]
			}
		}
		name := filepath.Join(dir, "damaged.db")
		if err := os.WriteFile(name, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		err := use(t, name)
		if err != nil {
			refused++
		}
		if errors.Is(err, boltstore.ErrDamaged) {
			panicked++
		}
		if errors.Is(err, boltstore.ErrLocked) {
			t.Fatal("the lock is held still")
		}
	}
	t.Logf("%d of 150 refused, %d where bbolt panicked", refused, panicked)
	if refused < 20 || panicked == 0 {
		t.Error("the damage is too small to show anything")
	}
}

// use opens, reads and changes a store.
func use(t *testing.T, path string) error {
	t.Helper()
	s, err := boltstore.Open(path)
	if err != nil {
		return err
	}
	err = s.Load(func(uint64, []byte) error { return nil })
	err = errors.Join(err, s.Apply([]mqtt.Change{put(17, "changed"), {Key: 900}, put(5000, "new")}))
	if errors.Is(err, boltstore.ErrDamaged) {
		if again := s.Apply(nil); !errors.Is(again, boltstore.ErrDamaged) {
			t.Errorf("Apply after %v returned %v", err, again)
		}
	}
	return errors.Join(err, s.Close())
}
