package statedir

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestWriteAndRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a", "b")
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := d.Read("x"); data != nil || err != nil {
		t.Error(data, err)
	}
	if err := os.WriteFile(filepath.Join(path, "x.123.tmp"), nil, 0o600); err != nil { // as a crash leaves it
		t.Fatal(err)
	}
	for _, text := range []string{"one", "two"} {
		if err := errors.Join(d.Write("x", []byte(text)), d.Close()); err != nil {
			t.Fatal(err)
		}
		if d, err = Open(path); err != nil {
			t.Fatal(err)
		}
		if data, err := d.Read("x"); string(data) != text || err != nil {
			t.Errorf("%q %v", data, err)
		}
	}
	defer d.Close()
	info, err := os.Stat(filepath.Join(path, "x"))
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if list := files(path); len(list) != 1 {
		t.Errorf("other files are left: %v", list)
	}
}

// files lists the files in a directory but for the lock.
func files(path string) (names []string) {
	list, _ := os.ReadDir(path)
	for _, e := range list {
		if e.Name() != lockName {
			names = append(names, e.Name())
		}
	}
	return names
}

// Nobody opens a directory that is open, and nobody tidies one that is not his.
func TestLocked(t *testing.T) {
	t.Parallel()
	l, err := lock(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if l == io.NopCloser(nil) {
		t.Skip("the system has no locks")
	}
	path := t.TempDir()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "x.123.tmp"), nil, 0o600); err != nil { // as a write in progress leaves it
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
	if list := files(path); len(list) != 1 {
		t.Errorf("the other's file is gone: %v", list)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d, err = Open(path); err != nil {
		t.Fatal(err)
	}
	if list := files(path); len(list) != 0 {
		t.Errorf("nothing was tidied: %v", list)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// What has not changed is not written again.
func TestWritesWhatHasChanged(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Write("x", []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(path, "x")); err != nil {
		t.Fatal(err)
	}
	if err := d.Write("x", []byte("one")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(path, "x")); err == nil {
		t.Error("it was written though it had not changed")
	}
}

// A write that fails leaves the old file, and nothing beside it.
func TestFailure(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := os.Mkdir(filepath.Join(path, "x"), 0o700); err != nil { // a file cannot take its place
		t.Fatal(err)
	}
	if err := d.Write("x", []byte("one")); err == nil {
		t.Error("it was written")
	}
	if list := files(path); len(list) != 1 {
		t.Errorf("other files are left: %v", list)
	}
	if _, err := d.Read("x"); err == nil {
		t.Error("a directory was read")
	}
	if _, err := Open(filepath.Join(path, "x", "\x00")); err == nil {
		t.Error("a name that is none was opened")
	}
}
