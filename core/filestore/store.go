package filestore

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

const (
	logName  = "session.log"
	tmpName  = "session.tmp"
	lockName = "session.lock"
)

// Store is an [mqtt.SessionStore] in a folder. Calls must not overlap; one that does returns [ErrBusy].
type Store struct {
	dir  string
	opts Options
	lock io.Closer // nil: closed

	mu sync.Mutex // only ever tried

	f        file // nil: pending says what to do
	table    table
	id       uint64
	headless bool   // both copies of the header are unreadable
	first    int64  // where the first batch is
	firstSeq uint64 // and its seq
	end      int64  // of the last good batch
	seq      uint64 // of the next one
	alloc    int64  // length of the file, or less
	dirty    bool   // what is behind end is not known
	known    map[gap]bool

	w       batchWriter
	c       *compaction // under way
	pending *compaction // finished, but it is not known which file has the name, durably

	retrySize int64 // of the file, or
	retryLive int64 // in use, to which a failed compaction is tried again

	damages      int
	compactions  int
	compactError error

	statsMu sync.Mutex
	stats   Stats
}

// Stats describes a store. Sizes are in bytes.
type Stats struct {
	Keys         int
	Live         int64 // what is in use
	Size         int64 // of the file, without space taken in advance
	Damages      int   // parts found unreadable since Open; see [Damage]
	Compactions  int   // since Open
	CompactError error // why the last compaction failed; nil if it did not. It is tried again when the file has grown
}

// Open opens the store in a folder, and makes both if there is none, readable by their owner alone. A file that ends in
// the middle of a write, or is damaged, is mended: see [Options.OnDamage]. The errors are
//
//   - [ErrLocked], in an [*Error]: another process or Store has it open;
//   - [*VersionError]: a newer version of this package wrote it;
//   - [*Error]: the file system failed;
//   - one without a type, for options that make no sense.
//
// None of them loses anything.
func Open(dir string, optFns ...func(*Options)) (*Store, error) {
	var opts Options
	for _, fn := range optFns {
		fn(&opts)
	}
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, opts: opts, known: map[gap]bool{}}
	if err := opts.fs.mkdir(dir); err != nil {
		return nil, fault("create", dir, err)
	}
	if s.lock, err = opts.fs.lock(s.path(lockName)); err != nil {
		return nil, fault("lock", s.path(lockName), err)
	}
	if err := s.restore(); err != nil {
		s.abandon()
		if s.f != nil {
			_ = s.f.Close()
		}
		_ = s.lock.Close()
		return nil, err
	}
	s.publish()
	return s, nil
}

// Load calls yield for every key, in ascending order, and returns the first error of yield. The value is valid until
// yield returns. A value that has changed on the disk since Open is left out and reported to [Options.OnDamage].
// Other errors are [ErrClosed], [ErrBusy] and [*Error].
func (s *Store) Load(yield func(key uint64, value []byte) error) error {
	if !s.mu.TryLock() {
		return ErrBusy
	}
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return err
	}
	defer s.publish()
	buf := make([]byte, 0, 1<<10)
	for _, key := range slices.Sorted(maps.Keys(s.table.at)) {
		at := s.table.at[key]
		n := int(at.n)
		buf = slices.Grow(buf[:0], n)[:n]
		if err := readFull(s.f, buf, at.off); err != nil {
			return fault("read", s.path(logName), err)
		}
		if checksum(buf) != at.crc {
			s.table.forget(key)
			s.report(Damage{Offset: at.off, Length: int64(n), Lost: 1, Reason: reasonValue})
			continue
		}
		if err := yield(key, buf[:n:n]); err != nil {
			return err
		}
	}
	return nil
}

// Close unlocks the store and gives back the space taken in advance. With [Options.NoSync] it waits for the disk.
// Closing twice does nothing. Errors are [ErrBusy] and [*Error]; after an [*Error] the store is closed all the same.
func (s *Store) Close() error {
	if !s.mu.TryLock() {
		return ErrBusy
	}
	defer s.mu.Unlock()
	if s.lock == nil {
		return nil
	}
	s.abandon()
	var errs []error
	if s.f != nil {
		_ = s.f.Truncate(s.end) // zeros or a part of a failed batch: Open copes with both
		if s.opts.NoSync {
			errs = append(errs, fault("sync", s.path(logName), s.f.Sync()))
		}
		errs = append(errs, fault("close", s.path(logName), s.f.Close()))
	}
	errs = append(errs, fault("unlock", s.path(lockName), s.lock.Close()))
	s.f, s.pending, s.table, s.lock = nil, nil, table{}, nil
	return errors.Join(errs...)
}

// Stats may be called at any time. After Close it tells the last state.
func (s *Store) Stats() Stats {
	s.statsMu.Lock()
	defer s.statsMu.Unlock()
	return s.stats
}

func (s *Store) publish() {
	s.statsMu.Lock()
	defer s.statsMu.Unlock()
	s.stats = Stats{
		Keys: len(s.table.at), Live: s.table.live, Size: s.end,
		Damages: s.damages, Compactions: s.compactions, CompactError: s.compactError,
	}
}

// ready brings the store back to a known state after a failure, or says why that is not possible yet.
func (s *Store) ready() error {
	if s.lock == nil {
		return ErrClosed
	}
	if s.pending != nil {
		if err := s.settle(); err != nil {
			return err
		}
	}
	if s.dirty {
		if err := s.f.Truncate(s.end); err != nil {
			return fault("truncate", s.path(logName), err)
		}
		s.alloc, s.dirty = s.end, false
	}
	return nil
}

// create puts an empty file in place of what is there.
func (s *Store) create() error {
	id := s.opts.newID()
	f, err := s.newTmp(id)
	if err != nil {
		return err
	}
	err = fault("sync", s.path(tmpName), f.Sync())
	if cerr := f.Close(); err == nil {
		err = fault("close", s.path(tmpName), cerr)
	}
	if err != nil {
		return err
	}
	if err := s.opts.fs.rename(s.path(tmpName), s.path(logName)); err != nil {
		return fault("rename", s.path(tmpName), err)
	}
	if s.f, err = s.opts.fs.open(s.path(logName), 0); err != nil {
		return fault("open", s.path(logName), err)
	}
	s.id, s.first, s.end, s.alloc = id, headerSize, headerSize, headerSize
	return nil
}

// newTmp makes the file that is to become session.log.
func (s *Store) newTmp(id uint64) (file, error) {
	f, err := s.opts.fs.open(s.path(tmpName), os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return nil, fault("create", s.path(tmpName), err)
	}
	if _, err := f.WriteAt(appendHeader(nil, formatVersion, id), 0); err != nil {
		_ = f.Close()
		_ = s.opts.fs.remove(s.path(tmpName))
		return nil, fault("write", s.path(tmpName), err)
	}
	return f, nil
}

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }
