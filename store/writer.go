package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"

	"github.com/stokerd/stoker/job"
)

// groupLimit is how many writes share one transaction. More would make the
// first one wait without saving much more.
const groupLimit = 256

// writer runs all writes, one after the other, in its own goroutine and on its
// own connection. A connection that may have been harmed by an error is given up,
// and the next write opens another: a disk that comes back is found again.
type writer struct {
	db      *sql.DB
	log     *slog.Logger
	conn    *sql.Conn            // nil after it was given up; used by the goroutine alone, as is stmts
	stmts   map[string]*sql.Stmt // by text, prepared on conn
	changed func([]job.Change)
	began   bool // something has been committed; used by the goroutine alone
	outputs *outputs

	ops     chan *op
	closing chan struct{} // closed: take no more
	closed  chan struct{} // closed: the goroutine has ended
}

// op is one write: a function that runs in a transaction, perhaps together with
// others, perhaps once more by itself. done gets its outcome after the commit.
type op struct {
	run  func(*tx) error
	err  error
	done chan error // capacity 1
}

func startWriter(ctx context.Context, db *sql.DB, log *slog.Logger, changed func([]job.Change)) (*writer, error) {
	w := &writer{
		db: db, log: log, stmts: map[string]*sql.Stmt{}, changed: changed, outputs: newOutputs(),
		ops: make(chan *op, groupLimit), closing: make(chan struct{}), closed: make(chan struct{}),
	}
	if err := w.connect(ctx); err != nil {
		return nil, err
	}
	// A context that ends in the middle of a statement makes SQLite roll back the
	// whole transaction, with everybody else's writes in it. So no context of a
	// caller reaches a statement of the writer.
	go w.loop(context.WithoutCancel(ctx))
	return w, nil
}

// close takes no more writes and returns when those at hand are done.
func (w *writer) close() {
	close(w.closing)
	<-w.closed
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

// release gives the connection back, after close.
func (w *writer) release() error {
	if w.conn == nil {
		return nil
	}
	err := errors.Join(w.closeStmts(), w.conn.Close())
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

// giveUp closes the connection for good after an error that may have harmed it.
// What was not committed is gone with it.
func (w *writer) giveUp(why error) {
	if w.conn == nil || !harmful(why) {
		return
	}
	w.log.Warn("connection of the writer given up", "err", why)
	// Closed, not put back into the pool for the next caller. Whatever there is to
	// complain about, why has said it.
	_ = w.closeStmts()
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
	w.conn = nil
}

// write runs one write and returns its result after the commit, with trouble of
// the database described by what. Errors of run itself come back as they are.
func write[T any](ctx context.Context, s *Store, what string, run func(*tx) (T, error)) (T, error) {
	var result, none T
	o := &op{done: make(chan error, 1)}
	o.run = func(t *tx) (err error) {
		result, err = run(t)
		if t.broken != nil {
			return fmt.Errorf("%s: %w", what, t.broken)
		}
		return err
	}
	// When this returns early the goroutine may still write to result.
	if err := s.writer.do(ctx, o); err != nil {
		return none, err
	}
	return result, nil
}

// do hands o to the goroutine and waits for its outcome.
func (w *writer) do(ctx context.Context, o *op) error {
	select {
	case <-w.closing:
		return errClosed
	default:
	}
	select {
	case w.ops <- o:
	case <-w.closing:
		return errClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-w.closed:
	}
	select {
	case err := <-o.done:
		return err
	default:
		return errClosed // handed in just after the goroutine took its last one
	}
}

func (w *writer) loop(ctx context.Context) {
	defer close(w.closed)
	for {
		select {
		case o := <-w.ops:
			w.commit(ctx, w.gather(o))
		case <-w.closing:
			for {
				select {
				case o := <-w.ops:
					w.commit(ctx, w.gather(o))
				default:
					return
				}
			}
		}
	}
}

// gather collects what is waiting already.
func (w *writer) gather(first *op) []*op {
	group := []*op{first}
	for len(group) < groupLimit {
		select {
		case o := <-w.ops:
			group = append(group, o)
		default:
			return group
		}
	}
	return group
}

// commit runs a group in one transaction and answers its members. If a statement
// of one of them fails, all are run again one by one, so that each gets the
// outcome that is its own.
func (w *writer) commit(ctx context.Context, group []*op) {
	changes, whole := w.try(ctx, group)
	if !whole && len(group) > 1 {
		for _, o := range group {
			w.commit(ctx, []*op{o})
		}
		return
	}
	w.changed(changes)
	for _, o := range group {
		o.done <- o.err
	}
}

// try runs a group in one transaction. It returns false if a statement of one of
// its members failed; then nothing was written. If the transaction itself cannot
// begin or commit, that is every member's outcome.
func (w *writer) try(ctx context.Context, group []*op) (changes []job.Change, whole bool) {
	for _, o := range group {
		o.err = nil // of an earlier try
	}
	if err := w.begin(ctx); err != nil {
		fail(group, "begin", err)
		return nil, true
	}
	if err := w.remember(ctx); err != nil {
		w.rollback(ctx, err)
		fail(group, "remember the last change", err)
		return nil, true
	}
	t := newTx(ctx, w)
	for _, o := range group {
		o.err = o.run(t)
		if t.broken != nil {
			w.rollback(ctx, t.broken)
			return nil, false
		}
	}
	if err := t.flush(); err != nil {
		w.rollback(ctx, err)
		fail(group, "write batches", err)
		return nil, len(group) == 1
	}
	if err := w.exec(ctx, "COMMIT"); err != nil {
		w.rollback(ctx, err)
		fail(group, "commit", err)
		return nil, true
	}
	w.began = true
	return t.changes(), true
}

// remember notes in the first transaction, before anything is written, what the job table
// knew when it was opened; see [Store.ReconcileSince].
func (w *writer) remember(ctx context.Context) error {
	if w.began {
		return nil
	}
	return w.exec(ctx, rememberLastChange)
}

// fail gives every member of the group that did not fail by itself the same outcome.
func fail(group []*op, what string, err error) {
	for _, o := range group {
		if o.err == nil {
			o.err = fmt.Errorf("%s: %w", what, err)
		}
	}
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

// begin opens a transaction, on a new connection if the last one was given up.
func (w *writer) begin(ctx context.Context) error {
	if err := w.connect(ctx); err != nil {
		return err
	}
	err := w.exec(ctx, "BEGIN IMMEDIATE")
	w.giveUp(err)
	return err
}

// rollback leaves no transaction open. SQLite may have rolled back by itself, on
// a full disk for example; that there is nothing left to do is then no trouble.
func (w *writer) rollback(ctx context.Context, why error) {
	w.outputs.reset()
	_ = w.exec(ctx, "ROLLBACK")
	w.giveUp(why)
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
