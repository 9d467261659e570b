package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/store"
)

// TokenFile makes and revokes tokens in the file of a job table, whether a Stoker has the table open or not:
// the first token of a service can be made in no other way. It writes tokens and the audit log, and nothing
// else. A Stoker that has the table open reads tokens anew each second.
type TokenFile struct{ w *writer }

// OpenTokens opens the tokens of the job table at path. If no Stoker has the table open, a table that does not
// exist is made, and one of an older schema is brought up to date, as [Open] does. The error matches
// [ErrOlder] if a Stoker has the table open that does not know tokens yet.
func OpenTokens(ctx context.Context, path string) (_ *TokenFile, err error) {
	path, err = resolvePath(path)
	if err != nil {
		return nil, fmt.Errorf("open tokens: %w", err)
	}
	table, err := Open(ctx, path, store.Options{})
	switch {
	case err == nil:
		if err := table.Close(); err != nil {
			return nil, err
		}
	case !errors.Is(err, ErrLocked):
		return nil, err
	}
	if err := checkTable(ctx, path); err != nil {
		return nil, fmt.Errorf("open tokens: %w", err)
	}
	pool, err := sql.Open("sqlite", dsn(path, "busy_timeout(10000)", "synchronous(FULL)", "foreign_keys(1)"))
	if err != nil {
		return nil, fmt.Errorf("open tokens: %w", err)
	}
	pool.SetMaxOpenConns(1)
	f := &TokenFile{w: &writer{path: path, db: pool, log: slog.New(slog.DiscardHandler), stmts: map[string]*sql.Stmt{}}}
	version, err := readVersion(ctx, pool)
	if err == nil && version != schemaVersion {
		err = fmt.Errorf("%s: %w: start it anew with this version first", path, ErrOlder)
	}
	if err == nil {
		err = f.w.connect(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open tokens: %w", err), pool.Close())
	}
	return f, nil
}

// ErrOlder is the error of a table that is open in a Stoker of an older version.
var ErrOlder = errors.New("the job table is open in an older Stoker")

// Close closes the file.
func (f *TokenFile) Close() error { return f.w.close() }

// Create stores a token, and an entry of the audit log that says so.
func (f *TokenFile) Create(ctx context.Context, t access.Token, e access.Entry) error {
	return f.write(ctx, "store a token", func(tx *transaction) error {
		return tx.writeAccess(ctx, &store.Rows{Tokens: []access.Token{t}, Entries: []access.Entry{e}})
	})
}

// Revoke revokes a token, unless it is revoked already, and returns it. If there is none of this id the answer
// is [job.ErrNotFound].
func (f *TokenFile) Revoke(ctx context.Context, id string, now time.Time, e access.Entry) (t access.Token, err error) {
	err = f.write(ctx, "revoke token "+id, func(tx *transaction) (err error) {
		if t, err = tx.Token(ctx, id); err != nil || !t.RevokeTime.IsZero() {
			return err
		}
		t.RevokeTime = time.UnixMilli(now.UnixMilli()).UTC()
		return tx.writeAccess(ctx, &store.Rows{Tokens: []access.Token{t}, Entries: []access.Entry{e}})
	})
	return t, err
}

// Tokens returns all tokens, in the order of their latest changes.
func (f *TokenFile) Tokens(ctx context.Context) (list []access.Token, err error) {
	err = f.write(ctx, "read tokens", func(tx *transaction) (err error) {
		list, err = tx.Tokens(ctx, 0)
		return err
	})
	return list, err
}

func (f *TokenFile) write(ctx context.Context, what string, change func(*transaction) error) error {
	if err := f.w.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	tx := &transaction{w: f.w}
	tx.queries = newQueries(tx)
	err := change(tx)
	if err == nil {
		err = f.w.exec(ctx, "COMMIT")
	}
	if err != nil {
		tx.Rollback(ctx)
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
