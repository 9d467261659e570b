package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// errHistory says that a standby was promoted, or a backup was restored. The server may not know what was written last.
var errHistory = errors.New("the database goes on from another history: a standby was promoted, or a backup was restored")

// history is the line of changes that the database goes on from. A promotion of a standby begins another one, in which
// the latest changes of the one before may be missing. The server numbers its timelines; the table keeps the number that
// it has seen last, and a random word, which watchers have in their cursors.
type history struct {
	log      *slog.Logger
	length   time.Duration     // of a lease
	onChange func(word string) // nil until the table is open

	asking sync.Mutex // held by the connection that finds out
	silent bool       // that the server does not say its timeline was logged

	mu   sync.Mutex
	word string
}

// read returns the word.
func (h *history) read() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.word
}

// check finds out on a new connection whether the database goes on from another history. The first process that
// notices ends all terms and has every account be compared with the platform, in one transaction.
func (h *history) check(ctx context.Context, conn *pgx.Conn) error {
	h.asking.Lock()
	defer h.asking.Unlock()
	timeline, err := readTimeline(ctx, conn)
	if err != nil {
		if !h.silent {
			h.log.WarnContext(ctx, "the server does not say its timeline: a failover that loses what was written last will not be noticed", "err", err)
		}
		h.silent, timeline = true, ""
	}
	var known, word string
	const read = `
SELECT coalesce((SELECT value FROM meta WHERE name = 'timeline'), ''), coalesce((SELECT value FROM meta WHERE name = 'history'), '')`
	if err := conn.QueryRow(ctx, read).Scan(&known, &word); err != nil {
		return fmt.Errorf("read the history of the table: %w", interpret(err))
	}
	if word == "" || timeline != "" && timeline != known {
		if word, err = h.begin(ctx, conn, timeline); err != nil {
			return fmt.Errorf("note that the database goes on from another history: %w", interpret(err))
		}
	}
	h.mu.Lock()
	before := h.word
	h.word = word
	h.mu.Unlock()
	if before != "" && before != word {
		h.log.WarnContext(ctx, "the database goes on from another history; all accounts are compared with the platform")
		if h.onChange != nil {
			h.onChange(word)
		}
	}
	return nil
}

// begin begins a history, unless another process has done so, and returns its word. Who drove an account until now may
// not hear of it, and trusts itself for as long as a lease lasts: nobody takes the account over before.
func (h *history) begin(ctx context.Context, conn *pgx.Conn, timeline string) (word string, err error) {
	err = pgx.BeginTxFunc(ctx, conn, readCommitted, func(tx pgx.Tx) error {
		const limits = `SELECT set_config('lock_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $2, true)`
		if _, err := tx.Exec(ctx, limits, lockLimit, idleLimit); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO meta (name, value) VALUES ('timeline', ''), ('history', '') ON CONFLICT DO NOTHING`); err != nil {
			return err
		}
		var known string
		if err := tx.QueryRow(ctx, `SELECT value FROM meta WHERE name = 'timeline' FOR UPDATE`).Scan(&known); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `SELECT value FROM meta WHERE name = 'history'`).Scan(&word); err != nil {
			return err
		}
		first := word == ""
		if !first && (timeline == "" || known == timeline) {
			return nil // another process was faster
		}
		word = strings.ToLower(rand.Text()[:4])
		if _, err := tx.Exec(ctx, `UPDATE meta SET value = CASE name WHEN 'timeline' THEN $1 ELSE $2 END WHERE name IN ('timeline', 'history')`, timeline, word); err != nil || first {
			return err
		}
		if _, err := tx.Exec(ctx, noteLastChange); err != nil {
			return err
		}
		const end = `UPDATE leases SET epoch = epoch + 1, holder = '', address = '', expires = clock_timestamp() + $1 * interval '1 millisecond'`
		_, err := tx.Exec(ctx, end, h.length.Milliseconds())
		return err
	})
	return word, err
}

const queryTimeline = `SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)`

// readTimeline reads the number of the server's timeline, which a promotion changes.
func readTimeline(ctx context.Context, conn *pgx.Conn) (timeline string, err error) {
	err = conn.QueryRow(ctx, queryTimeline).Scan(&timeline)
	return timeline, err
}
