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

// ReapDeleted removes a part of a deleted batch, the batch itself at the end.
func (t *transaction) ReapDeleted(ctx context.Context, limit int) (more bool, err error) {
	seqs, err := all(ctx, t, scalar[int64], `SELECT seq FROM batches WHERE deleted ORDER BY seq LIMIT 1`)
	if err != nil || len(seqs) == 0 {
		return false, err
	}
	seq := seqs[0]
	first, err := one(ctx, t, scalar[int64], `SELECT coalesce(min(number), 0) FROM jobs WHERE batch = $1`, seq)
	if err != nil {
		return false, err
	}
	statements := []string{
		`DELETE FROM events WHERE batch = $1 AND number < $2`,
		`DELETE FROM attempts WHERE batch = $1 AND number < $2`,
		`DELETE FROM jobs WHERE batch = $1 AND number < $2`,
	}
	args := []any{seq, first + int64(limit)}
	if first == 0 {
		for _, statement := range []string{
			`DELETE FROM skipped WHERE batch = $1 AND key IN (SELECT key FROM skipped WHERE batch = $1 LIMIT $2)`,
			`DELETE FROM job_texts WHERE batch = $1 AND first_number IN (SELECT first_number FROM job_texts WHERE batch = $1 LIMIT greatest($2 / 20, 1))`,
			`DELETE FROM failure_causes WHERE batch = $1 AND cause IN (SELECT cause FROM failure_causes WHERE batch = $1 LIMIT $2)`,
		} {
			if n, err := t.exec(ctx, statement, seq, limit); err != nil || n > 0 {
				return true, err
			}
		}
		statements, args = []string{`DELETE FROM ready_blocks WHERE batch = $1`, `DELETE FROM batch_labels WHERE batch = $1`, `DELETE FROM batches WHERE seq = $1`}, []any{seq}
	}
	for _, statement := range statements {
		if _, err := t.exec(ctx, statement, args...); err != nil {
			return false, fmt.Errorf("batch with number %d: %w", seq, err)
		}
	}
	return true, nil
}

// ReapEntries removes entries from the beginning of the audit log.
func (t *transaction) ReapEntries(ctx context.Context, before time.Time, limit int) (int64, error) {
	const reap = `DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE time < $1 ORDER BY id LIMIT $2)`
	return t.exec(ctx, reap, ms(before), limit)
}

// noteLastChange notes for each account when it was last changed, unless that is noted already: a database that was
// restored from a backup, or whose standby was promoted, does not know the latest encodings at the platform, and
// these were created after the last change that it knows.
const (
	noteLastChange        = noteChanges + ` GROUP BY b.account ON CONFLICT DO NOTHING`
	noteLastChangeAccount = noteChanges + ` WHERE b.account = $1 GROUP BY b.account ON CONFLICT DO NOTHING`

	noteChanges = `INSERT INTO unreconciled (account, since) SELECT b.account, max(h.update_time)` + batchesAndHeads
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
