package store

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"time"

	"github.com/stokerd/stoker/job"
)

// Batch returns a batch, or [job.ErrNotFound].
func (s *Store) Batch(ctx context.Context, id string) (job.Batch, error) {
	return readBatch(ctx, s.engine, id)
}

// BatchesBySeq returns those of the batches that exist, newest first.
func (s *Store) BatchesBySeq(ctx context.Context, seqs []int64) ([]job.Batch, error) {
	list, err := s.engine.BatchesBySeq(ctx, seqs)
	if err != nil {
		return nil, fmt.Errorf("read batches: %w", err)
	}
	return list, nil
}

func readBatch(ctx context.Context, r Reader, id string) (job.Batch, error) {
	b, err := r.Batch(ctx, id)
	if err != nil {
		return job.Batch{}, fmt.Errorf("batch %s: %w", id, err)
	}
	return b, nil
}

// CancellingBatches returns the ids of batches that are being cancelled and have
// jobs that are neither being cancelled nor ended, in the order of submission.
func (s *Store) CancellingBatches(ctx context.Context) ([]string, error) {
	list, err := s.engine.CancellingBatches(ctx)
	if err != nil {
		return nil, fmt.Errorf("batches being cancelled: %w", err)
	}
	return list, nil
}

// UpdateBatch applies f to a batch, brings the batch's state in line with its
// jobs and, if anything changed, stores it under a new revision. It returns the
// batch as it then is. An error of f changes nothing and is returned as it is.
//
// f may change the display name, priority, state with its reason, Open, the retry
// policy, the failure limit, the failures forgiven, the state's time and the labels; other changes are not
// stored. It may be called twice and must do nothing else.
func (s *Store) UpdateBatch(ctx context.Context, id string, now time.Time, f func(*job.Batch) error) (job.Batch, error) {
	round(&now)
	return write(ctx, s, op{what: "update batch " + id, batch: id}, func(u *unit) (job.Batch, error) {
		h, err := u.header(id)
		if err != nil {
			return job.Batch{}, err
		}
		if err := u.flushAndEvict(h); err != nil {
			return job.Batch{}, err
		}
		before, err := readBatch(u.ctx, u.tx, id)
		if err != nil {
			return job.Batch{}, err
		}
		b := before
		b.Labels = maps.Clone(b.Labels)
		if err := f(&b); err != nil {
			return job.Batch{}, err
		}
		derived := b.Derive(now)
		if b.State != before.State {
			b.StateTime = now
		}
		if reflect.DeepEqual(b, before) {
			return b, nil
		}
		b.Revision, b.UpdateTime = before.Revision+1, now
		if !b.Open {
			u.dropOutputs(b.Seq) // no jobs are added to it any more
		}
		u.rows.Batches = append(u.rows.Batches, BatchRow{
			Batch: b, ReadRevision: before.Revision, LabelsChanged: !maps.Equal(b.Labels, before.Labels),
		})
		if derived {
			if err := u.notifyBatch(&b, now); err != nil {
				return job.Batch{}, err
			}
		}
		if err := u.flush(); err != nil {
			return job.Batch{}, err
		}
		u.wakeup(&b).Dispatch = true
		return readBatch(u.ctx, u.tx, id)
	})
}
