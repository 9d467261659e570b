package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// The ways in which [Open] can refuse a database. In all of them the database stays as it is.
var (
	ErrNewer       = errors.New("written by a newer Stoker")
	ErrNotMigrated = errors.New("not migrated to the schema of this Stoker")
	ErrNotJobTable = errors.New("it has tables of another application")
	ErrOldServer   = errors.New("the server is too old")
	ErrEncoding    = errors.New("the database does not keep UTF-8")
	ErrNotDurable  = errors.New("synchronous_commit is off")
	ErrReadOnly    = errors.New("the database can only be read")
	ErrRights      = errors.New("the role may not do this")
	ErrRefused     = errors.New("the server refused the connection")
	ErrConnections = errors.New("the server has no connection left for this role")
	ErrTables      = errors.New("a table of the job table is missing")
	ErrPooler      = errors.New("prepared statements do not work here, as behind a pooler in transaction mode")
)

// errUnknown says that nobody knows whether a transaction was committed.
var errUnknown = job.ErrUnconfirmed

// Codes of errors, see appendix A of the manual of PostgreSQL.
const (
	codeTransition     = "ST001" // of the trigger jobs_transition
	codeUnique         = "23505"
	codeReadOnly       = "25006"
	codeIdleInTx       = "25P03"
	codeNoStatement    = "26000"
	codeSameStatement  = "42P05"
	codeSerialization  = "40001"
	codeDeadlock       = "40P01"
	codeRights         = "42501"
	codeNoTable        = "42P01"
	codeNoColumn       = "42703"
	codeNoSchema       = "3F000"
	codeNoConnection   = "53300"
	codeNoParameter    = "42704"
	codeNoLock         = "55P03"
	codeDiskFull       = "53100"
	codeQueryCanceled  = "57014"
	codeWrongPassword  = "28P01"
	codeWrongRole      = "28000"
	codeNoDatabase     = "3D000"
	codeCommitUnsynced = "01000"
)

// interpret turns an error of the driver into one of package job or [store], by its code. An error that has no
// meaning there stays as it is.
func interpret(err error) error {
	if err == nil || errors.Is(err, job.ErrUnavailable) || errors.Is(err, store.ErrAgain) {
		return err
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return interpretConnection(err)
	}
	as := func(known error) error { return fmt.Errorf("%w: %w", known, err) }
	switch e.Code {
	case codeUnique:
		return as(job.ErrExists)
	case codeTransition:
		return as(job.ErrIllegalTransition)
	case codeDiskFull:
		return as(job.ErrFull)
	case codeSerialization, codeDeadlock, codeNoLock, codeIdleInTx:
		return as(store.ErrAgain)
	case codeReadOnly:
		return fmt.Errorf("%w: %w: %w", job.ErrUnavailable, ErrReadOnly, err)
	case codeRights:
		return fmt.Errorf("%w: %w: %s", job.ErrUnavailable, ErrRights, e.Message)
	case codeNoConnection:
		return fmt.Errorf("%w: %w: %s", job.ErrUnavailable, ErrConnections, e.Message)
	case codeNoTable, codeNoColumn, codeNoSchema:
		return fmt.Errorf("%w: %w: %s", job.ErrUnavailable, ErrTables, e.Message)
	case codeNoStatement, codeSameStatement:
		return fmt.Errorf("%w: %w", job.ErrUnavailable, ErrPooler)
	case codeQueryCanceled:
		return as(job.ErrUnavailable)
	case codeWrongPassword, codeWrongRole, codeNoDatabase, codeNoParameter:
		return fmt.Errorf("%w: %w: %s", job.ErrUnavailable, ErrRefused, e.Message)
	}
	switch e.Code[:2] {
	case "08", "53", "57", "58", "XX": // connection, resources, operator, system, corrupted data
		return as(job.ErrUnavailable)
	}
	if _, isConnect := errors.AsType[*pgconn.ConnectError](err); isConnect {
		return as(job.ErrUnavailable)
	}
	return err
}

// interpretConnection is [interpret] for errors that the server did not send.
func interpretConnection(err error) error {
	netErr, isNet := errors.AsType[net.Error](err)
	connectErr, isConnect := errors.AsType[*pgconn.ConnectError](err)
	switch {
	case isConnect && errors.Is(err, ErrReadOnly):
		return fmt.Errorf("%w: %w: %w", job.ErrUnavailable, ErrReadOnly, attemptsError{connectErr})
	case isConnect:
		return fmt.Errorf("%w: %w", job.ErrUnavailable, attemptsError{connectErr})
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), isNet && netErr != nil:
		return fmt.Errorf("%w: %w", job.ErrUnavailable, err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, pgx.ErrTxClosed), pgconn.Timeout(err), pgconn.SafeToRetry(err):
		return fmt.Errorf("%w: %w", job.ErrUnavailable, err)
	}
	return err
}

// attemptsError is the error of attempts to connect, on one line, each of them once.
type attemptsError struct{ *pgconn.ConnectError }

func (e attemptsError) Unwrap() error { return e.ConnectError }

func (e attemptsError) Error() string {
	var attempts []string
	for line := range strings.Lines(e.ConnectError.Error()) {
		if line = strings.TrimSpace(line); !slices.Contains(attempts, line) {
			attempts = append(attempts, line)
		}
	}
	return strings.Join(attempts, " ")
}

// isLost reports whether err, which [interpret] has returned, says that the connection is of no use any more, and
// that another one may be.
func isLost(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == codeReadOnly || e.Code != codeQueryCanceled && (e.Code[:2] == "57" || e.Code[:2] == "08")
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return false
	}
	return errors.Is(err, job.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded)
}

// isCode reports whether err is one of the server with a code.
func isCode(err error, code string) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == code
}

// isRefused reports whether the server says with err, which is that of a COMMIT, that it did not commit.
func isRefused(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.SeverityUnlocalized == "ERROR" || errors.Is(err, pgx.ErrTxCommitRollback)
}
