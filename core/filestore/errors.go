package filestore

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// What can become of a call. Test with errors.Is.
var (
	ErrLocked   = errors.New("filestore: store is in use")        // another process, or another Store, has it open
	ErrClosed   = errors.New("filestore: store is closed")        // Close was called
	ErrBusy     = errors.New("filestore: calls overlap")          // a call began before another one returned
	ErrTooLarge = errors.New("filestore: value exceeds MaxValue") // nothing was changed
	ErrReplaced = errors.New("filestore: file was replaced")      // by somebody else, while the store was open
	// ErrSavedEnough is in [Damage.Err]: the folder holds 64 saved parts, or 256 MiB of them.
	ErrSavedEnough = errors.New("filestore: too many damaged parts saved already")
)

// Error is a failure of the file system. Test what Unwrap returns, for instance with errors.Is and fs.ErrPermission or
// syscall.ENOSPC.
type Error struct {
	Op   string // "open", "read", "write", "sync", ...
	Path string // of the file or folder
	Err  error
}

// Error says what failed, where and why.
func (e *Error) Error() string {
	return "filestore: " + e.Op + " " + e.Path + ": " + strings.TrimPrefix(e.Err.Error(), "filestore: ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// errChanging is found where what was checked a moment ago reads differently.
var errChanging = errors.New("file changes while it is read")

// fault wraps err, whose own mention of the path is dropped.
func fault(op, path string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	} else if e, ok := errors.AsType[*os.LinkError](err); ok {
		err = e.Err
	} else if e, ok := errors.AsType[*os.SyscallError](err); ok {
		err = e.Err
	}
	return &Error{Op: op, Path: path, Err: err}
}

// VersionError says that the file has a format newer than this package. It has not been touched.
type VersionError struct {
	Path    string
	Version uint32
}

// Error says which version was found and which is known.
func (e *VersionError) Error() string {
	return "filestore: " + e.Path + " has format version " + strconv.FormatUint(uint64(e.Version), 10) +
		", newest known is " + strconv.Itoa(formatVersion)
}
