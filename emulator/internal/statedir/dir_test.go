package statedir

import (
	"os"
	"path/filepath"
	"runtime"
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
		if err := d.Write("x", []byte(text)); err != nil {
			t.Fatal(err)
		}
		again, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := again.Read("x"); string(data) != text || err != nil {
			t.Errorf("%q %v", data, err)
		}
	}
	info, err := os.Stat(filepath.Join(path, "x"))
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if list, _ := os.ReadDir(path); len(list) != 1 {
		t.Errorf("other files are left: %v", list)
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
	if err := os.Mkdir(filepath.Join(path, "x"), 0o700); err != nil { // a file cannot take its place
		t.Fatal(err)
	}
	if err := d.Write("x", []byte("one")); err == nil {
		t.Error("it was written")
	}
	if list, _ := os.ReadDir(path); len(list) != 1 {
		t.Errorf("other files are left: %v", list)
	}
	if _, err := d.Read("x"); err == nil {
		t.Error("a directory was read")
	}
	if _, err := Open(filepath.Join(path, "x", "\x00")); err == nil {
		t.Error("a name that is none was opened")
	}
}
