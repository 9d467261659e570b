package store

import (
	"context"

	"github.com/stokerd/stoker/job"
)

// DeleteBatch removes a batch that has ended, with its jobs, attempts and events. If it has not
// ended the answer is a [job.StateError]. No read finds the batch when the method has returned.
// Its rows are removed in the background, a few at a time: other writes do not wait long. Its
// RequestID is free again.
func (s *Store) DeleteBatch(ctx context.Context, id string) error {
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
		if err := u.flushAndEvict(h); err != nil {
			return err
		}
		u.rows.DeletedBatches = append(u.rows.DeletedBatches, h.Seq)
		u.wakeup(h.Batch).Dispatch = true
		return u.flush() // the next member of the group does not find it
	})
	if err != nil {
		return err
	}
	select {
	case s.reap <- struct{}{}:
	default: // it is going to look anyway
	}
	return nil
}

// reapChunk is how many jobs are removed in one write, a few milliseconds' work.
const reapChunk = 500

// reapDeleted removes the rows of deleted batches whenever there are any.
func (s *Store) reapDeleted(ctx context.Context) {
	for {
		select {
		case <-s.reap:
		case <-ctx.Done():
			return
		}
		for more := true; more && ctx.Err() == nil; {
			var err error
			more, err = write(ctx, s, op{what: "remove deleted batches"}, func(u *unit) (bool, error) {
				return u.tx.ReapDeleted(u.ctx, reapChunk)
			})
			if err != nil && ctx.Err() == nil {
				s.log.Warn("rows of deleted batches not removed", "err", err)
			}
		}
	}
}
