package boltstore

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// Options are the settings of a store. The zero value is good.
type Options struct {
	// NoSync leaves it to the operating system when changes reach the disk. They survive the process; after a loss of
	// power the database may be damaged beyond use.
	NoSync bool
}

var bucketName = []byte("session")

// Store is an [mqtt.SessionStore] in a bbolt database. Calls must not overlap; one that does returns [ErrBusy].
type Store struct {
	path   string
	mu     sync.Mutex // only ever tried
	db     *bolt.DB   // nil: closed
	file   *os.File   // of db
	broken error      // bbolt panicked, and may have left its locks locked
	key    [8]byte

	outside bool // in code of the user
}

// Open opens the database, and makes it and its folder if there is none, readable by their owner alone. The errors are
// [ErrLocked], if another process or Store has it open, and others of bbolt and the file system, each in an [*Error].
func Open(path string, optFns ...func(*Options)) (*Store, error) {
	var opts Options
	for _, fn := range optFns {
		fn(&opts)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault("open", path, err)
	}
	s := &Store{path: path}
	err := s.guard(func() (err error) {
		s.db, err = bolt.Open(path, 0o600, &bolt.Options{
			NoSync:   opts.NoSync,
			Timeout:  time.Nanosecond, // tries once
			OpenFile: s.openFile,
		})
		if err != nil {
			return err
		}
		return s.db.Update(func(tx *bolt.Tx) error {
			_, err := tx.CreateBucketIfNotExists(bucketName)
			return err
		})
	})
	if err == nil {
		err = syncDir(dir) // bbolt does not
	}
	if err == nil {
		return s, nil
	}
	switch {
	case isPanic(err) && s.file != nil:
		_ = release(s.file)
	case s.db != nil:
		_ = s.db.Close()
	}
	return nil, fault("open", path, err)
}

// openFile lets go of the file when bbolt cannot.
func (s *Store) openFile(name string, flag int, mode os.FileMode) (*os.File, error) {
	f, err := os.OpenFile(name, flag, mode)
	if s.file == nil {
		s.file = f
	}
	return f, err
}

// Load calls yield for every key, in ascending order, and returns the first error of yield. The value is valid until
// yield returns. Other errors are [ErrClosed], [ErrBusy], [ErrForeign] and those of bbolt, in an [*Error].
func (s *Store) Load(yield func(key uint64, value []byte) error) error {
	var stopped error
	err := s.do("load", func() error {
		var buf []byte
		return s.db.View(func(tx *bolt.Tx) error {
			return tx.Bucket(bucketName).ForEach(func(k, v []byte) error {
				if len(k) != len(s.key) || v == nil {
					return ErrForeign
				}
				// A copy, because v is in the memory that maps the file: where that cannot be read, it shows here.
				buf = append(buf[:0], v...)
				stopped = s.callOut(yield, binary.BigEndian.Uint64(k), buf[:len(v):len(v)])
				return stopped
			})
		})
	})
	if stopped != nil {
		return stopped
	}
	return err
}

// callOut calls yield. What panics there is not the database.
func (s *Store) callOut(yield func(uint64, []byte) error, key uint64, value []byte) error {
	s.outside = true
	err := yield(key, value)
	s.outside = false
	return err
}

// Apply makes changes, in order, in one transaction. When it returns nil they survive (see [Options.NoSync] for the
// exception); after an error none was made, and the same can be applied again. Errors are [ErrClosed], [ErrBusy] and
// those of bbolt, in an [*Error].
func (s *Store) Apply(changes []mqtt.Change) error {
	return s.do("apply", func() error {
		if len(changes) == 0 {
			return nil
		}
		return s.db.Update(func(tx *bolt.Tx) error {
			bucket := tx.Bucket(bucketName)
			for i := range changes {
				c := &changes[i]
				binary.BigEndian.PutUint64(s.key[:], c.Key)
				var err error
				if c.Value == nil {
					err = bucket.Delete(s.key[:])
				} else {
					err = bucket.Put(s.key[:], c.Value)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// Close unlocks the database. Closing twice does nothing.
func (s *Store) Close() error {
	if !s.mu.TryLock() {
		return ErrBusy
	}
	defer s.mu.Unlock()
	if s.db == nil {
		return nil
	}
	db := s.db
	s.db = nil
	if s.broken != nil {
		return fault("close", s.path, release(s.file))
	}
	return fault("close", s.path, s.guard(db.Close))
}

// do runs one call.
func (s *Store) do(op string, fn func() error) error {
	if !s.mu.TryLock() {
		return ErrBusy
	}
	defer s.mu.Unlock()
	switch {
	case s.db == nil:
		return ErrClosed
	case s.broken != nil:
		return s.broken
	}
	err := fault(op, s.path, s.guard(fn))
	if isPanic(err) {
		s.broken = err
	}
	return err
}

// guard turns what a damaged file does to bbolt, panics and memory faults, into an error.
func (s *Store) guard(fn func() error) (err error) {
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		if s.outside {
			s.outside = false
			return // not ours: goes on
		}
		if v := recover(); v != nil {
			err = &panicError{v}
		}
	}()
	return fn()
}
