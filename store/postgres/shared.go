package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

var _ store.Shared = (*database)(nil)

// Tell wakes the other processes.
func (db *database) Tell(w store.Wakeups) { db.wakeups.tell(message{Wakeups: w}) }

// Listen calls hear for the wakeups of others.
func (db *database) Listen(ctx context.Context, hear func(store.Wakeups)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		db.wakeups.send(ctx)
	}()
	db.wakeups.listen(ctx, hear)
	<-done
}

// Listening reports whether wakeups arrive.
func (db *database) Listening() bool { return db.wakeups.up.Load() }

// History is the word of the history.
func (db *database) History() string { return db.connector.history.read() }

// Revisions returns the revisions of batches.
func (db *database) Revisions(ctx context.Context, batchIDs []string) (map[string]int64, error) {
	const query = `SELECT b.id, h.revision` + batchesAndHeads + `WHERE b.id = ANY ($1::text[]) AND NOT b.deleted`
	revisions := map[string]int64{}
	_, err := all(ctx, db.reader, func(r row) (struct{}, error) {
		var id string
		var revision int64
		err := r.Scan(&id, &revision)
		revisions[id] = revision
		return struct{}{}, err
	}, query, array(batchIDs))
	return revisions, err
}

// PublishStatus keeps the status of an account. Nothing waits for it to reach the disk.
func (db *database) PublishStatus(ctx context.Context, l store.Lease, accountID string, status []byte) error {
	own, ok := l.(*lease)
	if !ok {
		return errors.New("the lease is not one of this database")
	}
	const publish = `
INSERT INTO account_status (account, published, status)
SELECT $1, clock_timestamp(), $2
 WHERE EXISTS (SELECT FROM leases WHERE name = $1 AND epoch = $3 AND holder = $4)
    ON CONFLICT (account) DO UPDATE SET published = excluded.published, status = excluded.status`
	b := &pgx.Batch{}
	b.Queue(`BEGIN`)
	b.Queue(`SELECT set_config('synchronous_commit', 'off', true)`)
	b.Queue(publish, accountID, status, own.epochOf(accountID), db.keeper.holder)
	b.Queue(`COMMIT`)
	return interpret(db.reader.pool.SendBatch(ctx, b).Close())
}

// Accounts returns the accounts that somebody has driven.
func (db *database) Accounts(ctx context.Context, known map[string]time.Time) ([]store.AccountCopy, error) {
	const query = `
SELECT l.name, l.address, l.since, l.epoch, l.expires >= clock_timestamp() AND l.holder <> '', s.published, CASE WHEN s.published IS DISTINCT FROM k.published THEN s.status END,
       coalesce(a.paused, false), coalesce(a.paused_reason, ''), coalesce(a.paused_time, 0), coalesce(a.queue_target, 0), coalesce(a.auto_target, false)
  FROM leases AS l
  LEFT JOIN account_status AS s ON s.account = l.name
  LEFT JOIN accounts AS a ON a.id = l.name
  LEFT JOIN unnest($1::text[], $2::timestamptz[]) AS k(account, published) ON k.account = l.name
 WHERE l.name <> $3 ORDER BY l.name`
	names, times := make([]string, 0, len(known)), make([]time.Time, 0, len(known))
	for name, at := range known {
		names, times = append(names, name), append(times, at)
	}
	scan := func(r row) (c store.AccountCopy, err error) {
		var driven bool
		var published *time.Time
		var paused stamp
		s := &c.Settings
		err = r.Scan(&c.AccountID, &c.Driver.Address, &c.Driver.Since, &c.Driver.Epoch, &driven, &published, &c.Status,
			&s.Paused, &s.PausedReason, (*int64)(&paused), &s.Target.Number, &s.Target.Auto)
		if !driven {
			c.Driver = job.Driver{}
		}
		if published != nil {
			c.Published = *published
		}
		s.PausedReason, s.PausedSince = job.Shorten(s.PausedReason, job.MaxReason), paused.time()
		return c, err
	}
	return all(ctx, db.reader, scan, query, names, times, store.Housekeeping)
}

// Replicas returns the processes that have said in the last seconds that they are there.
func (db *database) Replicas(ctx context.Context) ([]job.Replica, error) {
	const query = `
SELECT r.holder, r.address, r.version, r.since, coalesce(l.name, ''), coalesce(l.since, 'epoch'), coalesce(l.epoch, 0)
  FROM replicas AS r LEFT JOIN leases AS l ON l.holder = r.holder AND l.expires >= clock_timestamp()
 WHERE r.seen >= clock_timestamp() - $1 * interval '1 millisecond' ORDER BY r.address, r.holder, l.name`
	var list []job.Replica
	last := ""
	_, err := all(ctx, db.reader, func(r row) (struct{}, error) {
		var holder string
		var replica job.Replica
		var term job.ReplicaTerm
		err := r.Scan(&holder, &replica.Address, &replica.Version, &replica.Since, &term.AccountID, &term.Since, &term.Epoch)
		if err != nil {
			return struct{}{}, err
		}
		if holder != last {
			replica.Self, last = holder == db.keeper.holder, holder
			list = append(list, replica)
		}
		if term.AccountID != "" {
			at := &list[len(list)-1]
			at.Terms = append(at.Terms, term)
		}
		return struct{}{}, nil
	}, query, presenceEnd.Milliseconds())
	return list, err
}
