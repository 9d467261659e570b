package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// RecountReadyBlocks counts the ready jobs of a batch anew.
func (t *transaction) RecountReadyBlocks(ctx context.Context, batchSeq int64) error {
	if _, err := t.exec(ctx, `DELETE FROM ready_blocks WHERE batch = $1`, batchSeq); err != nil {
		return err
	}
	_, err := t.exec(ctx, `INSERT INTO ready_blocks (batch, block, ready) SELECT $1, * FROM (`+countedBlocks+`) AS counted`, batchSeq, store.ReadyBlockSize)
	return err
}

// RecountCauses counts the causes of the failures in a batch anew.
func (t *transaction) RecountCauses(ctx context.Context, batchSeq int64) error {
	if _, err := t.exec(ctx, `DELETE FROM failure_causes WHERE batch = $1`, batchSeq); err != nil {
		return err
	}
	_, err := t.exec(ctx, `INSERT INTO failure_causes (batch, cause, jobs) SELECT $1, * FROM (`+countedCauses+`) AS counted`, batchSeq)
	return err
}

// NextDeleted returns a batch that is marked as deleted.
func (t *transaction) NextDeleted(ctx context.Context) (job.Batch, error) {
	return one(ctx, t, scanBatch, `SELECT `+batchColumns+batchesAndHeads+`WHERE b.deleted ORDER BY b.seq LIMIT 1`)
}

// reapJobs names the lowest number that it removes as well as the first that it keeps: the index entries of rows that
// were removed before stay until the server has cleaned up, and would be read each time.
const reapJobs = `
  WITH next AS MATERIALIZED (SELECT min(number) AS first FROM jobs WHERE batch = $1),
       e AS (DELETE FROM events
              WHERE batch = $1 AND number >= (SELECT first FROM next) AND number < (SELECT first FROM next) + $2 RETURNING 1),
       a AS (DELETE FROM attempts
              WHERE batch = $1 AND number >= (SELECT first FROM next) AND number < (SELECT first FROM next) + $2 RETURNING 1),
       j AS (DELETE FROM jobs
              WHERE batch = $1 AND number >= (SELECT first FROM next) AND number < (SELECT first FROM next) + $2
          RETURNING state = 'SUCCEEDED' AND key <> '' AS remembered, key, input_path, output_path, variables, encoding_id, finish_time)
SELECT (SELECT count(*) FROM e) + (SELECT count(*) FROM a), j.* FROM j`

// ReapJobs removes jobs by a range of their numbers, which have no gaps, in one round trip.
func (t *transaction) ReapJobs(ctx context.Context, batchSeq, jobs int64) (done store.Reaped, err error) {
	scan := func(r row) (j store.ReapedJob, err error) {
		var remembered bool
		var variables string
		var finish stamp
		err = r.Scan(&done.Rows, &remembered, &j.Key, &j.InputPath, &j.OutputPath, &variables, &j.EncodingID, (*int64)(&finish))
		if err != nil {
			return j, err
		}
		done.Jobs++
		if !remembered {
			return j, nil
		}
		j.FinishTime = finish.time()
		if err := decode(variables, &j.Variables); err != nil {
			return j, err
		}
		done.Succeeded = append(done.Succeeded, j)
		return j, nil
	}
	if _, err := all(ctx, t, scan, reapJobs, batchSeq, jobs); err != nil {
		return store.Reaped{}, fmt.Errorf("batch with number %d: %w", batchSeq, err)
	}
	done.Rows += done.Jobs
	return done, nil
}

// ReapBatch removes one kind of rows after the other. A row of texts is large.
func (t *transaction) ReapBatch(ctx context.Context, batchSeq, limit int64) (done store.Reaped, err error) {
	for _, statement := range []string{
		`DELETE FROM skipped WHERE batch = $1 AND key IN (SELECT key FROM skipped WHERE batch = $1 LIMIT $2)`,
		`DELETE FROM job_texts WHERE batch = $1 AND first_number IN (SELECT first_number FROM job_texts WHERE batch = $1 LIMIT greatest($2 / 40, 1))`,
		`DELETE FROM failure_causes WHERE batch = $1 AND cause IN (SELECT cause FROM failure_causes WHERE batch = $1 LIMIT $2)`,
		`DELETE FROM ready_blocks WHERE batch = $1 AND block IN (SELECT block FROM ready_blocks WHERE batch = $1 LIMIT $2)`,
	} {
		if done.Rows, err = t.exec(ctx, statement, batchSeq, limit); err != nil || done.Rows > 0 {
			return done, err
		}
	}
	const noteChange = `
INSERT INTO last_changes AS l (account, time)
SELECT b.account, greatest(h.update_time, coalesce(d.delete_time, 0))` + batchesAndHeads + `
  LEFT JOIN deleted_batches AS d ON d.seq = b.seq
 WHERE b.seq = $1
    ON CONFLICT (account) DO UPDATE SET time = greatest(l.time, excluded.time)`
	for _, statement := range []string{
		noteChange, `DELETE FROM batch_labels WHERE batch = $1`, `DELETE FROM batches WHERE seq = $1`,
	} {
		n, err := t.exec(ctx, statement, batchSeq)
		if err != nil {
			return done, fmt.Errorf("batch with number %d: %w", batchSeq, err)
		}
		done.Rows += n
	}
	return done, nil
}

// AddResults adds results; of those with the same key the latest stays.
func (t *transaction) AddResults(ctx context.Context, results []store.Result) error {
	const insert = `
INSERT INTO results AS r (hash, account, encoding_id, time)
SELECT DISTINCT ON (u.hash) u.hash, u.account, u.encoding_id, u.time
  FROM unnest($1::bytea[], $2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY AS u(hash, account, encoding_id, time, i)
 ORDER BY u.hash, u.time DESC, u.i DESC
    ON CONFLICT (hash) DO UPDATE SET account = excluded.account, encoding_id = excluded.encoding_id, time = excluded.time
 WHERE excluded.time >= r.time`
	if len(results) == 0 {
		return nil
	}
	l := &lists{}
	for i := range results {
		r := &results[i]
		l.next = 0
		column(l, r.Key[:])
		column(l, r.AccountID)
		column(l, storable(r.EncodingID))
		column(l, ms(r.Time))
	}
	_, err := t.exec(ctx, insert, l.args()...)
	return err
}

// ReapResults removes old results among the next ones.
func (t *transaction) ReapResults(ctx context.Context, before time.Time, after store.ResultKey, limit int64) (*store.ResultKey, error) {
	const lastOfNext = `SELECT hash FROM (SELECT hash FROM results WHERE hash > $1 ORDER BY hash LIMIT $2) AS next ORDER BY hash DESC LIMIT 1`
	last, err := one(ctx, t, scalar[[]byte], lastOfNext, after[:], limit)
	if errors.Is(err, job.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if _, err := t.exec(ctx, `DELETE FROM results WHERE hash > $1 AND hash <= $2 AND time < $3`, after[:], last, ms(before)); err != nil {
		return nil, err
	}
	return (*store.ResultKey)(last), nil
}

// ReapRequests removes what is kept of batches that were deleted long ago.
func (t *transaction) ReapRequests(ctx context.Context, before time.Time, limit int64) (int64, error) {
	const remove = `
DELETE FROM deleted_batches WHERE seq IN (SELECT seq FROM deleted_batches WHERE delete_time < $1 ORDER BY delete_time LIMIT $2)`
	return t.exec(ctx, remove, ms(before), limit)
}

// ReleaseSpace leaves it to the server's autovacuum.
func (t *transaction) ReleaseSpace(context.Context) (more bool, err error) { return false, nil }

// ReapEntries removes entries from the beginning of the audit log.
func (t *transaction) ReapEntries(ctx context.Context, before time.Time, limit int) (int64, error) {
	const reap = `DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE time < $1 ORDER BY id LIMIT $2)`
	return t.exec(ctx, reap, ms(before), limit)
}

// noteLastChange notes for each account when it was last changed, unless that is noted already: a database that was
// restored from a backup, or whose standby was promoted, does not know the latest encodings at the platform, and
// these were created after the last change that it knows.
const (
	noteLastChange        = noteChanges + ` GROUP BY account ON CONFLICT DO NOTHING`
	noteLastChangeAccount = noteChanges + ` WHERE account = $1 GROUP BY account ON CONFLICT DO NOTHING`

	noteChanges = `
INSERT INTO unreconciled (account, since)
SELECT account, max(time)
  FROM (SELECT b.account, h.update_time AS time` + batchesAndHeads + ` UNION ALL SELECT account, time FROM last_changes) AS changes`
)

// ReconcileSince notes the last change once more: the process has done so in its first transaction, but the
// account may have been reconciled since.
func (t *transaction) ReconcileSince(ctx context.Context, accountID string) (time.Time, error) {
	if _, err := t.exec(ctx, noteLastChangeAccount, accountID); err != nil {
		return time.Time{}, err
	}
	since, err := one(ctx, t, scalar[int64], `SELECT since FROM unreconciled WHERE account = $1`, accountID)
	if errors.Is(err, job.ErrNotFound) {
		return time.Time{}, nil
	}
	return stamp(since).time(), err
}
