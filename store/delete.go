package store

import (
	"context"
	"fmt"

	"github.com/stokerd/stoker/job"
)

// DeleteBatch removes a batch that has ended, with its jobs, attempts and events;
// for one that has not the answer is a [job.StateError]. The batch is gone for
// everybody when the method returns; its rows follow in the background, a few at
// a time, so that nobody has to wait behind them. Its RequestID is free again.
func (s *Store) DeleteBatch(ctx context.Context, id string) error {
	_, err := write(ctx, s, "delete batch "+id, func(t *tx) (struct{}, error) {
		h, err := t.head(id)
		if err != nil {
			return struct{}{}, err
		}
		if !h.State.Terminal() {
			return struct{}{}, &job.StateError{
				Resource: "batch", ID: id, State: string(h.State), Problem: "only a batch that has ended can be deleted; cancel it first",
			}
		}
		if err := t.forget(h); err != nil {
			return struct{}{}, err
		}
		if _, err := t.exec(`UPDATE batches SET deleted = 1, request_id = '' WHERE seq = $1`, h.Seq); err != nil {
			return struct{}{}, err
		}
		t.bell(h).Dispatch = true
		return struct{}{}, nil
	})
	if err != nil {
		return err
	}
	select {
	case s.reap <- struct{}{}:
	default: // rung already
	}
	return nil
}

// reapDeleted clears away what is left of deleted batches whenever the bell rings.
func (s *Store) reapDeleted(ctx context.Context) {
	for {
		select {
		case <-s.reap:
		case <-ctx.Done():
			return
		}
		for more := true; more && ctx.Err() == nil; {
			var err error
			more, err = write(ctx, s, "clear deleted batches", (*tx).reap)
			if err != nil && ctx.Err() == nil {
				s.log.Warn("deleted batches not cleared away", "err", err)
			}
		}
	}
}

// reapChunk is how many jobs are cleared away in one write, a few milliseconds'
// work.
const reapChunk = 500

// reap removes a part of a deleted batch, the batch itself at the end. It reports
// whether there may be more.
func (t *tx) reap() (more bool, err error) {
	seqs, err := all(t.ctx, t, scalar[int64], `SELECT seq FROM batches WHERE deleted = 1 LIMIT 1`)
	if err != nil || len(seqs) == 0 {
		return false, err
	}
	seq := seqs[0]
	const lowest = `SELECT coalesce(min(number), 0) FROM jobs WHERE batch = $1`
	first, err := one(t.ctx, t, scalar[int64], lowest, seq)
	if err != nil {
		return false, err
	}
	statements := []string{
		`DELETE FROM events WHERE batch = $1 AND number < $2`,
		`DELETE FROM attempts WHERE batch = $1 AND number < $2`,
		`DELETE FROM jobs WHERE batch = $1 AND number < $2`,
	}
	args := []any{seq, first + reapChunk}
	if first == 0 {
		const skipped = `DELETE FROM skipped WHERE batch = $1 AND key IN (SELECT key FROM skipped WHERE batch = $1 LIMIT $2 + 0)`
		if n, err := t.exec(skipped, seq, reapChunk); err != nil || n > 0 {
			return true, err
		}
		statements, args = []string{`DELETE FROM ready_blocks WHERE batch = $1`, `DELETE FROM batch_labels WHERE batch = $1`, `DELETE FROM batches WHERE seq = $1`}, []any{seq}
	}
	for _, statement := range statements {
		if _, err := t.exec(statement, args...); err != nil {
			return false, fmt.Errorf("batch with number %d: %w", seq, err)
		}
	}
	return true, nil
}
