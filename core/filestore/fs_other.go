//go:build !linux

package filestore

import "os"

// An osFile is a file.
type osFile struct{ *os.File }

func newFile(f *os.File) (file, error) { return osFile{f}, nil }

func (o osFile) size() (int64, error) { return sizeOf(o.File) }

func (o osFile) reserve(_, to int64) error { return o.Truncate(to) }
