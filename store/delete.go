package store

import (
	"context"
	"fmt"
	"time"

	"github.com/stokerd/stoker/job"
)

// DeleteBatch removes a batch that has ended, with its jobs, attempts and events. If it has not
// ended the answer is a [job.StateError]. No read finds the batch when the method has returned.
// Its rows are removed in the background, a few at a time: other writes do not wait long.
//
// What has succeeded in it is remembered: a batch with SkipSucceeded skips it. Its RequestID is remembered
// for a week: see [Store.Submit].
func (s *Store) DeleteBatch(ctx context.Context, id string, now time.Time) error {
	round(&now)
	err := writeOnly(ctx, s, op{what: "delete batch " + id, batch: id}, func(u *unit) error {
		h, err := u.header(id)
		if err != nil {
			return err
		}
		if !h.State.Terminal() {
			return &job.StateError{
				Resource: "batch", ID: id, BatchNumber: h.Seq, State: string(h.State), Problem: "only a batch that has ended can be deleted; cancel it first",
			}
		}
		return u.deleteBatch(h, now)
	})
	if err != nil {
		return err
	}
	s.wakeReaper()
	return nil
}

// deleteBatch marks a batch that has ended as deleted.
func (u *unit) deleteBatch(h *batchHeader, now time.Time) error {
	if err := u.flushAndEvict(h); err != nil {
		return err
	}
	u.rows.DeletedBatches = append(u.rows.DeletedBatches, DeletedBatchRow{Seq: h.Seq, Time: now})
	u.wakeup(h.Batch).Dispatch = true
	return u.flush() // the next member of the group does not find it
}

// WasDeleted reports whether a batch was deleted, if that was not more than a week ago.
func (s *Store) WasDeleted(ctx context.Context, batchID string) (bool, error) {
	deleted, err := s.engine.WasDeleted(ctx, batchID)
	if err != nil {
		return false, fmt.Errorf("batch %s: %w", batchID, err)
	}
	return deleted, nil
}
