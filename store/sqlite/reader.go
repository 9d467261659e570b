package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// reader is the pool of read-only connections.
type reader struct {
	db          *sql.DB
	connections int
	broken      atomic.Bool // a connection met an error after which it may be of no use

	mu    sync.Mutex
	stmts map[string]*sql.Stmt // by text
}

func openReader(path string, connections int) (*reader, error) {
	// Only query_only keeps a connection from writing: the driver does not hold a
	// read-only transaction to its word.
	db, err := sql.Open("sqlite", dsn(path, "busy_timeout(10000)", "query_only(1)", "cache_size(-8192)"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return &reader{db: db, connections: connections, stmts: map[string]*sql.Stmt{}}, nil
}

func (r *reader) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, s := range r.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, r.db.Close())...)
}

// dropConns has the next callers get new connections if one may be broken. The sound ones among
// the idle are dropped with it: nothing tells them apart.
func (r *reader) dropConns() {
	if r.broken.Swap(false) {
		r.db.SetMaxIdleConns(-1)
		r.db.SetMaxIdleConns(r.connections)
	}
}

func (r *reader) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	r.dropConns()
	r.mu.Lock()
	stmt, ok := r.stmts[text]
	r.mu.Unlock()
	if ok {
		return stmt, nil
	}
	// The lock is not held: preparing may wait for a connection.
	stmt, err := r.db.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if first, ok := r.stmts[text]; ok {
		return first, stmt.Close() //nolint:sqlclosecheck // the first one stays open, for the next time
	}
	r.stmts[text] = stmt
	return stmt, nil
}

func (r *reader) fault(err error) error {
	err = interpret(err)
	if connBroken(err) {
		r.broken.Store(true)
	}
	return err
}

// snapshot shows the table as it is at one moment, to any number of queries.
type snapshot struct {
	reader *reader
	tx     *sql.Tx
	// unprepared collects the statements that the pool had not prepared yet.
	unprepared *[]string
}

func (s snapshot) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	s.reader.mu.Lock()
	stmt, ok := s.reader.stmts[text]
	s.reader.mu.Unlock()
	if ok {
		return s.tx.StmtContext(ctx, stmt), nil
	}
	// Prepared on the connection of the snapshot. Waiting for a second connection while holding
	// this one would bring the pool to a standstill.
	*s.unprepared = append(*s.unprepared, text)
	return s.tx.PrepareContext(ctx, text)
}

func (s snapshot) fault(err error) error { return s.reader.fault(err) }

// withSnapshot calls f with a snapshot, which ends when f returns: a read transaction
// that stays open keeps the log from being reset, and the log grows.
func (r *reader) withSnapshot(ctx context.Context, f func(snapshot) error) error {
	r.dropConns()
	var unprepared []string
	if err := r.runSnapshot(ctx, &unprepared, f); err != nil {
		return err
	}
	for _, text := range unprepared {
		_, _ = r.stmt(ctx, text) //nolint:sqlclosecheck // only prepared, for the next snapshot
	}
	return nil
}

func (r *reader) runSnapshot(ctx context.Context, unprepared *[]string, f func(snapshot) error) error {
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin snapshot: %w", r.fault(err))
	}
	defer tx.Rollback()
	return f(snapshot{reader: r, tx: tx, unprepared: unprepared})
}
