package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/store"
)

// TokenTable makes and revokes tokens in the database of a job table, whether a Stoker has the table open or not:
// the first token of a service can be made in no other way. It writes tokens and the audit log, and nothing
// else. A Stoker that has the table open reads tokens anew each second.
type TokenTable struct{ conn *session }

// OpenTokens opens the tokens of the job table in the database that a URL names. The errors are those of [Open].
func OpenTokens(ctx context.Context, url string) (*TokenTable, error) {
	config, err := parse(url)
	if err != nil {
		return nil, fmt.Errorf("open tokens: %w", err)
	}
	c := &connector{config: config}
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("open tokens of %s: %w", nameOf(config.ConnConfig), interpret(err))
	}
	for _, check := range []func(context.Context, *pgx.Conn) error{checkServer, checkSchema, checkRights} {
		if err := check(ctx, conn.Conn); err != nil {
			conn.abandon()
			return nil, fmt.Errorf("open tokens of %s: %w", nameOf(config.ConnConfig), err)
		}
	}
	return &TokenTable{conn}, nil
}

// Close closes the connection.
func (t *TokenTable) Close() error {
	t.conn.close()
	return nil
}

// fault makes a session a [querier].
func (s *session) fault(err error) error { return interpret(err) }

func (s *session) again(error) bool { return false }

// Create stores a token, and an entry of the audit log that says so.
func (t *TokenTable) Create(ctx context.Context, token access.Token, e access.Entry) error {
	if err := t.save(ctx, &store.Rows{Tokens: []access.Token{token}, Entries: []access.Entry{e}}); err != nil {
		return fmt.Errorf("store a token: %w", err)
	}
	return nil
}

// Revoke revokes a token, unless it is revoked already, and returns it. If there is none of this id the answer
// is [job.ErrNotFound].
func (t *TokenTable) Revoke(ctx context.Context, id string, now time.Time, e access.Entry) (access.Token, error) {
	token, err := accessQueries{t.conn}.Token(ctx, id)
	if err == nil && token.RevokeTime.IsZero() {
		token.RevokeTime = time.UnixMilli(now.UnixMilli()).UTC()
		err = t.save(ctx, &store.Rows{Tokens: []access.Token{token}, Entries: []access.Entry{e}})
	}
	if err != nil {
		return access.Token{}, fmt.Errorf("revoke token %s: %w", id, err)
	}
	return token, nil
}

// Tokens returns all tokens, in the order of their latest changes.
func (t *TokenTable) Tokens(ctx context.Context) ([]access.Token, error) {
	list, err := accessQueries{t.conn}.Tokens(ctx, 0)
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	return list, nil
}

func (t *TokenTable) save(ctx context.Context, rows *store.Rows) error {
	w := &writes{statements: &statements{}}
	writeAccess(w, rows)
	err := pgx.BeginTxFunc(ctx, t.conn, readCommitted, func(tx pgx.Tx) error { return tx.SendBatch(ctx, &w.batch).Close() })
	return interpret(err)
}
