package filestore

import (
	"fmt"
	"os"
	"strings"
)

// Damage is a part of the file that cannot be read. The rest of the file is used.
type Damage struct {
	Path   string // of the file
	Offset int64  // where the part begins, in bytes
	Length int64  // of the part, in bytes; 0 when something is missing rather than wrong
	Reason string // "torn write", "unreadable batch", "unreadable header", "empty file", "missing batch" or "changed value"

	// Torn says that a write at the end of the file did not survive the end of the process or a loss of power. That is
	// normal: no such change had been acknowledged, unless somebody cut the file.
	Torn bool
	// Lost is the number of changes in the part, -1 when unknown. Changes to the same keys may have followed.
	Lost int64

	Saved string // the file the part was copied to; empty if it was not
	Err   error  // why it was not copied: a failure, or too much saved already; nil for torn writes, which need no copy
}

// String describes the damage in one line.
func (d Damage) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s at byte %d, %d bytes", d.Path, d.Reason, d.Offset, d.Length)
	if d.Lost >= 0 {
		fmt.Fprintf(&b, ", %d changes lost", d.Lost)
	}
	if d.Saved != "" {
		fmt.Fprintf(&b, ", saved to %s", d.Saved)
	}
	if d.Err != nil {
		b.WriteString(", not saved: " + strings.TrimPrefix(d.Err.Error(), "filestore: "))
	}
	return b.String()
}

const (
	reasonTorn    = "torn write"
	reasonBatch   = "unreadable batch"
	reasonHeader  = "unreadable header"
	reasonEmpty   = "empty file"
	reasonMissing = "missing batch"
	reasonValue   = "changed value"
)

// What is kept of damaged parts, in all: a failing disk must not fill itself.
const (
	savedPrefix   = "damaged-"
	maxSavedFiles = 64
	maxSavedBytes = 256 << 20
)

// found counts damage and tells the user.
func (s *Store) found(d Damage) {
	d.Path = s.path(logName)
	s.damages++
	s.opts.OnDamage(d)
}

// report saves a damaged part, if it says something, and passes it on.
func (s *Store) report(d Damage) {
	if !d.Torn && d.Length > 0 {
		d.Saved, d.Err = s.save(d.Offset, d.Length)
	}
	s.found(d)
}

// reportGap reports what a scanner found, once.
func (s *Store) reportGap(g gap) {
	if s.known[g] {
		return
	}
	s.known[g] = true
	d := Damage{Offset: g.off, Length: g.end - g.off, Lost: g.lost, Torn: g.torn, Reason: reasonBatch}
	switch {
	case g.torn:
		d.Reason = reasonTorn
	case d.Length == 0:
		d.Reason = reasonMissing
	}
	s.report(d)
}

// savedName is where a part of the file is saved. It follows from the content: what is found twice, because it could
// not be mended the first time, makes one file.
func (s *Store) savedName(off, n int64) (string, error) {
	r := reader{f: s.f, limit: off + n}
	crc, err := r.sum(0, off, off+n)
	if err != nil {
		return "", fault("read", s.path(logName), err)
	}
	return s.path(fmt.Sprintf("%s%d-%d-%08x", savedPrefix, off, n, crc)), nil
}

// save copies a part of the file aside.
func (s *Store) save(off, n int64) (string, error) {
	name, err := s.savedName(off, n)
	if err != nil {
		return "", err
	}
	sizes, err := s.opts.fs.sizes(s.dir)
	if err != nil {
		return "", fault("list", s.dir, err)
	}
	files, total := 0, n
	for other, size := range sizes {
		if strings.HasPrefix(other, savedPrefix) && s.path(other) != name {
			files, total = files+1, total+size
		}
	}
	if files >= maxSavedFiles || total > maxSavedBytes {
		return "", ErrSavedEnough
	}
	to, err := s.opts.fs.open(name, os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return "", fault("create", name, err)
	}
	at := int64(0)
	r := reader{f: s.f, limit: off + n}
	err = r.each(off, off+n, func(p []byte) error {
		_, err := to.WriteAt(p, at)
		at += int64(len(p))
		return err
	})
	if err == nil {
		err = to.Sync()
	}
	if cerr := to.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = s.opts.fs.syncDir(s.dir)
	}
	if err != nil {
		_ = s.opts.fs.remove(name) // half a copy says less than none
		return "", fault("write", name, err)
	}
	return name, nil
}
