package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/stokerd/stoker/job"
)

// The ways in which [Open] can refuse a file. In all of them the file stays as
// it is.
var (
	ErrLocked      = errors.New("in use by another Stoker")
	ErrNewer       = errors.New("written by a newer Stoker")
	ErrNotDatabase = errors.New("not a job table")
)

// interpret turns an error of the driver into one of package job, by its code. An error that has
// no meaning there, or is one of package job already, stays as it is.
func interpret(err error) error {
	if err == nil || job.TableTrouble(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if errors.Is(err, sql.ErrConnDone) || errors.Is(err, driver.ErrBadConn) {
		return fmt.Errorf("%w: %w", job.ErrUnavailable, err)
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return fmt.Errorf("%w: %w", job.ErrExists, err)
	case sqlite3.SQLITE_CONSTRAINT_TRIGGER:
		return fmt.Errorf("%w: %w", job.ErrIllegalTransition, err)
	case sqlite3.SQLITE_IOERR_SHMSIZE:
		return fmt.Errorf("%w: %w", job.ErrFull, err) // the -shm file could not grow
	}
	switch e.Code() & 0xff { // the primary code; the rest is detail
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: %w", job.ErrFull, err)
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", ErrNotDatabase, err)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%w: %w", job.ErrDamaged, err)
	case sqlite3.SQLITE_READONLY:
		return fmt.Errorf("%w: %w", job.ErrReadOnly, err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL:
		return fmt.Errorf("%w: %w", job.ErrUnavailable, err)
	}
	return err
}

// nameReadOnly makes an error of the table at path one that matches [job.ErrReadOnly], if the table cannot be opened
// for writing. SQLite says of a write that it failed, and not why.
func nameReadOnly(path string, err error) error {
	if err == nil || !errors.Is(err, job.ErrUnavailable) || errors.Is(err, job.ErrReadOnly) {
		return err
	}
	file, openErr := os.OpenFile(path, os.O_RDWR, 0)
	if openErr == nil {
		_ = file.Close() // nothing was written
		return err
	}
	if errors.Is(openErr, syscall.EROFS) || errors.Is(openErr, fs.ErrPermission) {
		return fmt.Errorf("%w: %w", job.ErrReadOnly, openErr)
	}
	return err
}

// connBroken reports whether a connection that met err may be of no use any more. One
// that met a lock, a full disk or a broken rule can be used on.
func connBroken(err error) bool {
	if err == nil || errors.Is(err, ErrMoved) { // the connection is the last way to the files
		return false
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return errors.Is(err, job.ErrUnavailable) // the connection is gone already
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_NOMEM:
		return false
	}
	return true
}

// isBusy reports whether err says that another connection holds a lock.
func isBusy(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == sqlite3.SQLITE_BUSY
}
