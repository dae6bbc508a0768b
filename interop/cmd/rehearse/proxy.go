package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// publish writes a module into a module proxy of files: https://go.dev/ref/mod#goproxy-protocol.
func (p *plan) publish(proxy, dir string) error {
	path, err := module.EscapePath(p.path(dir))
	if err != nil {
		return err
	}
	at := filepath.Join(proxy, filepath.FromSlash(path), "@v")
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	mod, err := p.published(dir)
	if err != nil {
		return err
	}
	info, err := json.Marshal(struct {
		Version string
		Time    time.Time
	}{p.version, time.Now().UTC()})
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	if err := p.pack(&packed, dir, mod); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	for name, content := range map[string][]byte{
		"list": []byte(p.version + "\n"), p.version + ".info": info, p.version + ".mod": mod, p.version + ".zip": packed.Bytes(),
	} {
		if err := os.WriteFile(filepath.Join(at, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// pack makes the module's zip. The modules below it are left out, as the go command does.
func (p *plan) pack(w io.Writer, dir string, mod []byte) error {
	root := filepath.Join(p.root, filepath.FromSlash(dir))
	checked, err := zip.CheckDir(root)
	if err != nil {
		return err
	}
	if err := checked.Err(); err != nil {
		return err
	}
	var files []zip.File
	for _, name := range checked.Valid {
		if !filepath.IsAbs(name) {
			name = filepath.Join(root, name)
		}
		below, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if below = filepath.ToSlash(below); below == "go.mod" {
			files = append(files, file{path: below, name: name, content: mod})
		} else {
			files = append(files, file{path: below, name: name})
		}
	}
	return zip.Create(w, module.Version{Path: p.path(dir), Version: p.version}, files)
}

// file is one in the tree, or with a content of its own.
type file struct {
	path, name string
	content    []byte
}

func (f file) Path() string { return f.path }

func (f file) Lstat() (os.FileInfo, error) {
	info, err := os.Lstat(f.name)
	if err == nil && f.content != nil {
		info = sized{info, int64(len(f.content))}
	}
	return info, err
}

func (f file) Open() (io.ReadCloser, error) {
	if f.content != nil {
		return io.NopCloser(bytes.NewReader(f.content)), nil
	}
	return os.Open(f.name)
}

type sized struct {
	os.FileInfo
	size int64
}

func (s sized) Size() int64 { return s.size }
