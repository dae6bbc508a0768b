package boltstore

import (
	"errors"
	"fmt"
	"io/fs"

	berrors "go.etcd.io/bbolt/errors"
)

// What can become of a call. Test with errors.Is.
var (
	ErrLocked  = errors.New("boltstore: database is in use")          // another process, or another Store, has it open
	ErrClosed  = errors.New("boltstore: store is closed")             // Close was called
	ErrBusy    = errors.New("boltstore: calls overlap")               // a call began before another one returned
	ErrForeign = errors.New("boltstore: bucket holds something else") // and not a session
	// ErrDamaged says that bbolt could not go on with what it found in the file. The store works no more.
	ErrDamaged = errors.New("boltstore: database is damaged")
)

// Error is a failure of bbolt or of the file system. Test what Unwrap returns.
type Error struct {
	Op   string // "open", "load", "apply" or "close"
	Path string // of the database
	Err  error
}

// Error says what failed, where and why.
func (e *Error) Error() string { return "boltstore: " + e.Op + " " + e.Path + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// fault wraps err.
func fault(op, path string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, berrors.ErrTimeout) {
		err = ErrLocked
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return &Error{Op: op, Path: path, Err: err}
}

// A panicError is what bbolt does when the file makes no sense.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("database is damaged: %v", e.value) }

func (e *panicError) Is(target error) bool { return target == ErrDamaged }

func isPanic(err error) bool {
	_, ok := errors.AsType[*panicError](err)
	return ok
}
