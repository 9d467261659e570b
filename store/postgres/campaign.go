package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// Campaign waits until all of the names are free, and takes them.
func (db *database) Campaign(ctx context.Context, names []string) (store.Lease, error) {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) == 0 {
		return nil, errors.New("a campaign for no account")
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for waited := false; ; waited = true {
		freed := db.keeper.awaitFreed()
		l, err := db.campaignOnce(ctx, names)
		if l != nil {
			db.log.InfoContext(ctx, "this replica drives accounts now", "account", strings.Join(names, " "))
			return l, nil
		}
		if err != nil && ctx.Err() == nil && db.closing.Err() == nil {
			db.log.WarnContext(ctx, "cannot campaign for accounts", "account", strings.Join(names, " "), "err", err)
		} else if !waited {
			db.log.InfoContext(ctx, "another replica drives accounts; this one stands by", "account", strings.Join(names, " "))
		}
		timer.Reset(db.keeper.times.retry)
		select {
		case <-timer.C:
		case <-freed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-db.closing.Done():
			return nil, context.Cause(db.closing)
		}
	}
}

// maxClockOffset is by how much the clock of a process may differ from the server's for it to drive accounts: times in the
// table are by the clocks of its drivers.
const maxClockOffset = 30 * time.Second

// campaignOnce takes the names if all of them are free. It returns nil if they are not.
func (db *database) campaignOnce(ctx context.Context, names []string) (*lease, error) {
	ctx, cancel := context.WithTimeout(ctx, roundTripLimit)
	defer cancel()
	const look = `SELECT count(*) FILTER (WHERE expires >= clock_timestamp()), clock_timestamp() FROM leases WHERE name = ANY ($1::text[])`
	var now time.Time
	held, err := one(ctx, db.reader, func(r row) (held int64, err error) {
		err = r.Scan(&held, &now)
		return held, err
	}, look, names)
	if err != nil || held > 0 {
		return nil, err
	}
	if offset := time.Since(now); offset.Abs() > maxClockOffset {
		return nil, fmt.Errorf("%w: the clock of this machine differs from the server's by %s; have both set by a time server", job.ErrUnavailable, offset.Round(time.Second))
	}
	conn, err := db.connector.connect(ctx)
	if err != nil {
		return nil, interpret(err)
	}
	defer conn.close()
	return db.take(ctx, conn, names)
}

// errHeld says that a lease is another one's.
var errHeld = errors.New("another replica has it")

// take takes the names over, and notes since when the platform may have encodings of them that the table does not
// know.
func (db *database) take(ctx context.Context, conn *session, names []string) (*lease, error) {
	const (
		insert = `INSERT INTO leases (name, epoch, holder, address, since, expires) SELECT name, 0, '', '', 'epoch', 'epoch' FROM unnest($1::text[]) AS n(name) ON CONFLICT DO NOTHING`
		lock   = `SELECT CASE WHEN epoch = 0 THEN $2::text WHEN expires = 'epoch' THEN $3::text ELSE $4::text END FROM leases WHERE name = ANY ($1::text[]) AND expires < clock_timestamp() ORDER BY name FOR UPDATE`
		take   = `
UPDATE leases SET epoch = epoch + 1, holder = $2, address = $3, since = clock_timestamp(), expires = clock_timestamp() + $4 * interval '1 millisecond'
 WHERE name = ANY ($1::text[])`
		read = `SELECT epoch FROM leases WHERE name = ANY ($1::text[]) ORDER BY name`
	)
	k := db.keeper
	l := &lease{keeper: k, names: names}
	var why []string
	conn.unsynced.Store(false)
	began := time.Now()
	err := pgx.BeginTxFunc(ctx, conn, readCommitted, func(tx pgx.Tx) error {
		const limits = `SELECT set_config('lock_timeout', '500ms', true), set_config('idle_in_transaction_session_timeout', $1, true)`
		if _, err := tx.Exec(ctx, limits, idleLimit); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, insert, names); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, lock, names, gainedFirst, gainedReleased, gainedExpired)
		if err == nil {
			why, err = pgx.CollectRows(rows, pgx.RowTo[string])
		}
		if isCode(err, codeNoLock) || err == nil && len(why) < len(names) {
			return errHeld // its last transactions have not ended, or another one was faster
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, take, names, k.holder, k.address, k.times.length.Milliseconds()); err != nil {
			return err
		}
		for _, name := range names {
			if _, err := tx.Exec(ctx, noteLastChangeAccount, name); err != nil {
				return err
			}
		}
		rows, err = tx.Query(ctx, read, names)
		if err != nil {
			return err
		}
		l.epochs, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	if errors.Is(err, errHeld) {
		return nil, nil
	}
	if err == nil && conn.unsynced.Load() {
		err = errUnknown
	}
	if err != nil {
		return nil, interpret(err)
	}
	l.ctx, l.end = context.WithCancelCause(context.Background())
	l.note(began)
	k.mu.Lock()
	k.leases[l] = true
	k.mu.Unlock()
	k.figures.noteGained(why)
	return l, nil
}
