package sqlite

import (
	"context"
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
	const count = `
INSERT INTO ready_blocks (batch, block, ready)
SELECT $1, (number - 1) / $2, count(*)
  FROM jobs INDEXED BY jobs_ready
 WHERE batch = $1 AND state = 'WAITING' AND next_attempt_time = 0
 GROUP BY 2`
	_, err := t.exec(ctx, count, batchSeq, store.ReadyBlockSize)
	return err
}

// RecountCauses counts the causes of the failures in a batch anew.
func (t *transaction) RecountCauses(ctx context.Context, batchSeq int64) error {
	if _, err := t.exec(ctx, `DELETE FROM failure_causes WHERE batch = $1`, batchSeq); err != nil {
		return err
	}
	_, err := t.exec(ctx, `INSERT INTO failure_causes (batch, cause, jobs) SELECT $1, * FROM (`+countedCauses+`)`, batchSeq)
	return err
}

const nextDeleted = `SELECT ` + batchColumns + ` FROM batches INDEXED BY batches_deleted WHERE deleted = 1 LIMIT 1`

// NextDeleted returns a batch that is marked as deleted.
func (t *transaction) NextDeleted(ctx context.Context) (job.Batch, error) {
	return one(ctx, t, scanBatch, nextDeleted)
}

// ReapJobs removes jobs by a range of their numbers, which have no gaps.
func (t *transaction) ReapJobs(ctx context.Context, batchSeq, jobs int64) (done store.Reaped, err error) {
	const lowest = `SELECT coalesce(min(number), 0) FROM jobs WHERE batch = $1`
	first, err := one(ctx, t, scalar[int64], lowest, batchSeq)
	if err != nil || first == 0 {
		return done, err
	}
	const succeeded = `
SELECT key, input_path, output_path, variables, encoding_id, finish_time
  FROM jobs WHERE batch = $1 AND number < $2 AND state = 'SUCCEEDED' AND key <> ''`
	scan := func(r row) (j store.ReapedJob, err error) {
		var variables text
		var finish stamp
		if err := r.Scan(&j.Key, &j.InputPath, &j.OutputPath, &variables, &j.EncodingID, &finish); err != nil {
			return j, err
		}
		j.FinishTime = finish.time()
		return j, variables.decode(&j.Variables)
	}
	until := first + jobs
	if done.Succeeded, err = all(ctx, t, scan, succeeded, batchSeq, until); err != nil {
		return done, err
	}
	for _, statement := range []string{
		`DELETE FROM events WHERE batch = $1 AND number < $2`,
		`DELETE FROM attempts WHERE batch = $1 AND number < $2`,
		`DELETE FROM jobs WHERE batch = $1 AND number < $2`,
	} {
		n, err := t.exec(ctx, statement, batchSeq, until)
		if err != nil {
			return done, fmt.Errorf("batch with number %d: %w", batchSeq, err)
		}
		done.Rows, done.Jobs = done.Rows+n, n // the jobs come last
	}
	t.reaped += done.Rows
	return done, nil
}

// ReapBatch removes one kind of rows after the other. A row of texts is large.
func (t *transaction) ReapBatch(ctx context.Context, batchSeq, limit int64) (done store.Reaped, err error) {
	for _, statement := range []string{
		`DELETE FROM skipped WHERE batch = $1 AND key IN (SELECT key FROM skipped WHERE batch = $1 LIMIT $2 + 0)`,
		`DELETE FROM job_texts WHERE batch = $1 AND first_number IN (SELECT first_number FROM job_texts WHERE batch = $1 LIMIT max($2 / 40, 1))`,
		`DELETE FROM failure_causes WHERE batch = $1 AND cause IN (SELECT cause FROM failure_causes WHERE batch = $1 LIMIT $2 + 0)`,
		`DELETE FROM ready_blocks WHERE batch = $1 AND block IN (SELECT block FROM ready_blocks WHERE batch = $1 LIMIT $2 + 0)`,
	} {
		if done.Rows, err = t.exec(ctx, statement, batchSeq, limit); err != nil || done.Rows > 0 {
			t.reaped += done.Rows
			return done, err
		}
	}
	const noteChange = `
INSERT INTO last_changes (account, time)
SELECT b.account, max(b.update_time, coalesce(d.delete_time, 0))
  FROM batches AS b LEFT JOIN deleted_batches AS d ON d.seq = b.seq
 WHERE b.seq = $1
    ON CONFLICT (account) DO UPDATE SET time = max(time, excluded.time)`
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
INSERT INTO results (hash, account, encoding_id, time) VALUES ($1, $2, $3, $4)
    ON CONFLICT (hash) DO UPDATE SET account = excluded.account, encoding_id = excluded.encoding_id, time = excluded.time
 WHERE excluded.time >= time`
	for i := range results {
		r := &results[i]
		if _, err := t.exec(ctx, insert, r.Key[:], r.AccountID, packEncoding(r.EncodingID), ms(r.Time)); err != nil {
			return err
		}
	}
	return nil
}

// ReapResults removes old results among the next ones.
func (t *transaction) ReapResults(ctx context.Context, before time.Time, after store.ResultKey, limit int64) (*store.ResultKey, error) {
	const lastOfNext = `SELECT max(hash) FROM (SELECT hash FROM results WHERE hash > $1 ORDER BY hash LIMIT $2 + 0)`
	last, err := one(ctx, t, scalar[[]byte], lastOfNext, after[:], limit)
	if err != nil || last == nil {
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
DELETE FROM deleted_batches
 WHERE seq IN (SELECT seq FROM deleted_batches INDEXED BY deleted_batches_time WHERE delete_time < $1 ORDER BY delete_time LIMIT $2 + 0)`
	return t.exec(ctx, remove, ms(before), limit)
}

const (
	// releasedPages is how many pages are given back in one write, a few milliseconds' work.
	releasedPages = 32
	// keptPages is how many unused pages, at least, are kept for new rows: 1 MiB. keptShare of the
	// table are kept in any case, so that a table from which as much is deleted as is added does not shrink and grow
	// all the time.
	keptPages = 256
	keptShare = 10
)

// ReleaseSpace makes the file smaller, by moving pages from its end to unused ones. Only a file that was made
// for it can do that. See also [Backup].
func (t *transaction) ReleaseSpace(ctx context.Context) (more bool, err error) {
	p, err := readPages(ctx, t)
	if err != nil || !p.releases || p.unused <= max(keptPages, p.total/keptShare)+releasedPages {
		return false, err
	}
	aPage := func(row) (struct{}, error) { return struct{}{}, nil } // a row for each page, without columns
	moved, err := all(ctx, t, aPage, releasePages)
	t.reaped += int64(len(moved))
	return err == nil, err
}

var releasePages = fmt.Sprintf("PRAGMA incremental_vacuum(%d)", releasedPages)
