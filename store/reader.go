package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// reader is the pool of read-only connections.
type reader struct {
	db *sql.DB

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
	return &reader{db: db, stmts: map[string]*sql.Stmt{}}, nil
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

func (r *reader) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	r.mu.Lock()
	stmt, ok := r.stmts[text]
	r.mu.Unlock()
	if ok {
		return stmt, nil
	}
	// Not under the lock: preparing may wait for a connection.
	stmt, err := r.db.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if first, ok := r.stmts[text]; ok {
		return first, stmt.Close()
	}
	r.stmts[text] = stmt
	return stmt, nil
}

func (r *reader) fault(err error) error { return interpret(err) }

// snapshot is one view of the table, however many queries it takes.
type snapshot struct {
	reader *reader
	tx     *sql.Tx
}

func (s snapshot) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	stmt, err := s.reader.stmt(ctx, text)
	if err != nil {
		return nil, err
	}
	return s.tx.StmtContext(ctx, stmt), nil
}

func (s snapshot) fault(err error) error { return interpret(err) }

// snap calls f with a snapshot, which ends when f returns: a read transaction
// that stays open keeps the log from being reset, and the log grows.
func (r *reader) snap(ctx context.Context, f func(snapshot) error) error {
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin snapshot: %w", interpret(err))
	}
	defer tx.Rollback()
	return f(snapshot{reader: r, tx: tx})
}
