package sqlite

import (
	"context"
	"fmt"

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

// ReapDeleted removes a part of a deleted batch, the batch itself at the end.
func (t *transaction) ReapDeleted(ctx context.Context, limit int) (more bool, err error) {
	seqs, err := all(ctx, t, scalar[int64], `SELECT seq FROM batches WHERE deleted = 1 LIMIT 1`)
	if err != nil || len(seqs) == 0 {
		return false, err
	}
	seq := seqs[0]
	const lowest = `SELECT coalesce(min(number), 0) FROM jobs WHERE batch = $1`
	first, err := one(ctx, t, scalar[int64], lowest, seq)
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
			`DELETE FROM skipped WHERE batch = $1 AND key IN (SELECT key FROM skipped WHERE batch = $1 LIMIT $2 + 0)`,
			`DELETE FROM job_texts WHERE batch = $1 AND first_number IN (SELECT first_number FROM job_texts WHERE batch = $1 LIMIT max($2 / 20, 1))`,
			`DELETE FROM failure_causes WHERE batch = $1 AND cause IN (SELECT cause FROM failure_causes WHERE batch = $1 LIMIT $2 + 0)`,
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
