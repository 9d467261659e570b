package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"

	"github.com/stokerd/stoker/store"
)

// writer is the one connection that writes. A connection that may have been broken by an error is
// dropped, and the next transaction opens another: a disk that comes back is found again.
type writer struct {
	path  string // of the table
	db    *sql.DB
	log   *slog.Logger
	conn  *sql.Conn            // nil after it was dropped
	stmts map[string]*sql.Stmt // by text, prepared on conn
	noted bool                 // a transaction has been committed that noted the accounts' last changes
}

// connect sees to it that there is a connection.
func (w *writer) connect(ctx context.Context) error {
	if w.conn != nil {
		return nil
	}
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect the writer: %w", interpret(err))
	}
	w.conn = conn
	return nil
}

func (w *writer) close() error {
	if w.conn == nil {
		return w.db.Close()
	}
	err := errors.Join(w.closeStmts(), w.conn.Close(), w.db.Close())
	w.conn = nil
	return err
}

func (w *writer) closeStmts() error {
	var errs []error
	for _, s := range w.stmts {
		errs = append(errs, s.Close())
	}
	clear(w.stmts)
	return errors.Join(errs...)
}

// dropConn closes the connection for good after an error that may have broken it.
// What was not committed is gone with it.
func (w *writer) dropConn(why error) {
	if w.conn == nil || !connBroken(why) {
		return
	}
	w.log.Info("connection of the writer dropped", "err", why)
	// Closed, not put back into the pool for the next caller. Errors of closing say nothing that
	// why has not said.
	_ = w.closeStmts()
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
	w.conn = nil
}

// stmt prepares a statement once.
func (w *writer) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt, ok := w.stmts[text]; ok {
		return stmt, nil
	}
	stmt, err := w.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, interpret(err)
	}
	w.stmts[text] = stmt
	return stmt, nil
}

func (w *writer) exec(ctx context.Context, text string) error {
	stmt, err := w.stmt(ctx, text) //nolint:sqlclosecheck // kept for the next time
	if err != nil {
		return err
	}
	if _, err := stmt.ExecContext(ctx); err != nil {
		return interpret(err)
	}
	return nil
}

// transaction is the writer's transaction.
type transaction struct {
	queries // on the writer's connection
	w       *writer
	db      *database
	err     error // the first one of the database
	reaped  int64 // rows that were removed, and pages that were moved
}

var _ store.Tx = (*transaction)(nil)

// Begin begins a transaction, on a new connection if the last one was dropped. The first one of
// the process notes what the table knew when it was opened, before anything is written: see
// [store.Store.ReconcileSince].
func (db *database) Begin(ctx context.Context, _ []store.Lease) (store.Tx, error) {
	w := db.writer
	if err := db.presence.check(); err != nil {
		return nil, err
	}
	if err := w.connect(ctx); err != nil {
		return nil, nameReadOnly(db.path, err)
	}
	if err := w.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		w.dropConn(err)
		return nil, nameReadOnly(db.path, err)
	}
	t := &transaction{w: w, db: db}
	t.queries = newQueries(t)
	if !w.noted {
		if _, err := t.exec(ctx, noteLastChange); err != nil {
			t.Rollback(ctx)
			return nil, fmt.Errorf("note the last change: %w", err)
		}
	}
	return t, nil
}

// Err is the first error of the database.
func (t *transaction) Err() error { return t.err }

// Commit ends the transaction. What was committed to files that are not at their paths any more counts as
// not written.
func (t *transaction) Commit(ctx context.Context) error {
	if err := t.w.exec(ctx, "COMMIT"); err != nil {
		return t.fault(err)
	}
	if err := t.db.presence.check(t.db.path, t.db.path+logSuffix); err != nil {
		return t.fault(err)
	}
	if t.db.folder != nil {
		t.db.folder.noteCommit(t.reaped)
	}
	t.w.noted = true
	return nil
}

// Rollback leaves no transaction open. SQLite may have rolled back by itself, on a full disk for
// example; then it answers that there is nothing to roll back.
func (t *transaction) Rollback(ctx context.Context) {
	_ = t.w.exec(ctx, "ROLLBACK")
	t.w.dropConn(t.err)
}

func (t *transaction) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	return t.w.stmt(ctx, text)
}

// fault keeps the first error of the database.
func (t *transaction) fault(err error) error {
	err = nameReadOnly(t.w.path, interpret(err))
	if t.err == nil {
		t.err = err
	}
	return err
}

// exec runs a statement and returns how many rows it changed.
func (t *transaction) exec(ctx context.Context, text string, args ...any) (int64, error) {
	stmt, err := t.stmt(ctx, text) //nolint:sqlclosecheck // the writer keeps it for the next time
	if err != nil {
		return 0, t.fault(err)
	}
	result, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, t.fault(err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, t.fault(err)
	}
	return n, nil
}
