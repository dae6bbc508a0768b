package filestore_test

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/filestore"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
)

var _ mqtt.SessionStore = (*filestore.Store)(nil)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, fn := range map[string]func(*filestore.Options){
		"default":   func(*filestore.Options) {},
		"no sync":   func(o *filestore.Options) { o.NoSync = true },
		"compacted": func(o *filestore.Options) { o.MinCompact, o.NoSync = 1, true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mqtttest.TestSessionStore(t, func(t *testing.T, dir string) mqtt.SessionStore {
				return open(t, dir, fn, func(o *filestore.Options) {
					o.OnDamage = func(d filestore.Damage) { t.Errorf("damage: %s", d) }
				})
			})
		})
	}
}

func open(t *testing.T, dir string, optFns ...func(*filestore.Options)) *filestore.Store {
	t.Helper()
	s, err := filestore.Open(dir, optFns...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func put(key uint64, value string) mqtt.Change { return mqtt.Change{Key: key, Value: []byte(value)} }

func load(t *testing.T, s *filestore.Store) map[uint64]string {
	t.Helper()
	got := map[uint64]string{}
	err := s.Load(func(key uint64, value []byte) error {
		got[key] = string(value)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// What the store makes is its owner's alone, missing parents included.
func TestModes(t *testing.T) {
	t.Parallel()
	parent := filepath.Join(t.TempDir(), "missing")
	dir := filepath.Join(parent, "session")
	s := open(t, dir, func(o *filestore.Options) { o.MinCompact = 1 })
	for range 3 {
		if err := s.Apply([]mqtt.Change{put(1, strings.Repeat("x", 1000))}); err != nil {
			t.Fatal(err)
		}
	}
	if s.Stats().Compactions == 0 {
		t.Fatal("no compaction")
	}
	if runtime.GOOS == "windows" {
		return // other rights
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 2 {
		t.Fatalf("%v, %v", files, err)
	}
	want := map[string]fs.FileMode{parent: 0o700, dir: 0o700}
	for _, f := range files {
		want[filepath.Join(dir, f.Name())] = 0o600
	}
	for name, mode := range want {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v, want %v", name, info.Mode().Perm(), mode)
		}
	}
}

// Close gives back what was taken in advance, and the lock.
func TestCloseAndReopen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, noSync := range []bool{false, true} {
		s := open(t, dir, func(o *filestore.Options) { o.NoSync = noSync })
		if err := s.Apply([]mqtt.Change{put(1, "one")}); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, "session.log")
		if info, err := os.Stat(name); err != nil || info.Size() < 64<<10 {
			t.Errorf("size %v, %v: nothing was taken in advance", info, err)
		}
		for range 2 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if info, err := os.Stat(name); err != nil || info.Size() != s.Stats().Size || info.Size() > 1000 {
			t.Errorf("size %v, %v; want %d", info, err, s.Stats().Size)
		}
		if err := s.Apply(nil); !errors.Is(err, filestore.ErrClosed) {
			t.Errorf("Apply after Close returned %v", err)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	_, err := filestore.Open(t.TempDir(), func(o *filestore.Options) { o.MinCompact = -1 })
	if err == nil || !strings.Contains(err.Error(), "MinCompact") {
		t.Errorf("Open returned %v", err)
	}
}

// Places where no store can be are errors with a name and a cause.
func TestOpenErrors(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "session.log"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"a file": file, "below a file": filepath.Join(file, "x"), "log is a folder": folder} {
		_, err := filestore.Open(dir)
		e, ok := errors.AsType[*filestore.Error](err)
		if !ok || !strings.HasPrefix(e.Path, dir) || e.Unwrap() == nil || strings.Count(err.Error(), dir) != 1 {
			t.Errorf("%s: Open returned %v", name, err)
		}
	}
}

// A call that begins before another has returned is refused: it would wait for ever in yield.
func TestOverlap(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	if err := s.Apply([]mqtt.Change{put(1, "one")}); err != nil {
		t.Fatal(err)
	}
	err := s.Load(func(uint64, []byte) error {
		for name, err := range map[string]error{
			"Apply": s.Apply(nil),
			"Load":  s.Load(func(uint64, []byte) error { return nil }),
			"Close": s.Close(),
		} {
			if !errors.Is(err, filestore.ErrBusy) {
				t.Errorf("%s within Load returned %v", name, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := load(t, s); len(got) != 1 {
		t.Errorf("afterwards: %v", got)
	}
}

// An Apply of many MiB, with small and large values, and a file that was in the way.
func TestHugeApply(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, func(o *filestore.Options) { o.MinCompact = 1 << 16 })
	want := map[uint64]string{}
	for round := range byte(3) {
		var changes []mqtt.Change
		for key := range uint64(3000) {
			value := bytes.Repeat([]byte{round + byte(key)}, int(key*7919%4000))
			if key%1000 == 0 {
				value = bytes.Repeat([]byte{round + byte(key)}, 1<<20+int(key)*1000)
			}
			changes = append(changes, mqtt.Change{Key: key, Value: value})
			want[key] = string(value)
		}
		if err := s.Apply(changes); err != nil {
			t.Fatal(err)
		}
	}
	if s.Stats().Compactions == 0 {
		t.Error("no compaction")
	}
	for range 2 {
		if !maps.Equal(load(t, s), want) {
			t.Fatal("other values")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir)
	}
}

// Real files are damaged and mended like those in memory.
func TestDamageOnDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	for _, c := range []mqtt.Change{put(1, "one"), put(2, "two"), put(3, "three")} {
		if err := s.Apply([]mqtt.Change{c}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "session.log")
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Replace(file, []byte("two"), []byte("t-o"), 1)
	if err := os.WriteFile(name, damaged[:len(damaged)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	var found []filestore.Damage
	s = open(t, dir, func(o *filestore.Options) { o.OnDamage = func(d filestore.Damage) { found = append(found, d) } })
	if got := load(t, s); !maps.Equal(got, map[uint64]string{1: "one"}) {
		t.Errorf("left: %v", got)
	}
	// Nothing readable follows the second batch, so that it and the cut one are a single part.
	if len(found) != 1 || found[0].Path != name || found[0].Torn {
		t.Fatalf("found %+v", found)
	}
	saved, err := os.ReadFile(found[0].Saved)
	if err != nil || !slices.Equal(saved, damaged[found[0].Offset:len(damaged)-1]) {
		t.Errorf("saved %q, %v", saved, err)
	}
}
