package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/job"
)

// Submit stores a batch with all of its jobs, or nothing. An empty id is filled
// with a new one and an empty state according to Open; Seq, Counts, Skipped, Revision
// and the times are set here. If a batch with this RequestID and PayloadHash exists already, it
// is returned as it is now, and created is false: see [Store.BatchByRequestID]. With another hash, and for a repeated batch id
// or job key, the answer is [job.ErrExists]. The RequestID of a batch that was deleted is free again after a week.
//
// The caller has checked that no two of the jobs have one output path.
//
// With SkipSucceeded, jobs that have succeeded before the call are skipped. If all of them are,
// the batch has no jobs, and ends at once unless it is open.
func (s *Store) Submit(ctx context.Context, sub job.Submission, now time.Time) (b job.Batch, created bool, err error) {
	round(&now)
	succeeded, err := findSucceeded(ctx, s.engine, sub.Batch, sub.Jobs)
	if err != nil {
		return job.Batch{}, false, fmt.Errorf("submit batch: %w", err)
	}
	type outcome struct {
		batch   job.Batch
		created bool
	}
	out, err := write(ctx, s, op{what: "submit batch", readsTable: true, inserts: len(sub.Jobs)}, func(u *unit) (outcome, error) {
		first, err := submittedBatch(u.ctx, u.tx, requestKey(sub))
		if !errors.Is(err, job.ErrNotFound) {
			return outcome{batch: first}, err
		}
		if err := s.room.check(); err != nil {
			return outcome{}, err
		}
		b, err := u.submit(sub, succeeded, now)
		return outcome{batch: b, created: true}, err
	})
	return out.batch, out.created, err
}

// submit inserts a batch with the jobs that it does not skip. succeeded tells which have succeeded before.
func (u *unit) submit(sub job.Submission, succeeded map[int]bool, now time.Time) (job.Batch, error) {
	jobs, skipped, err := u.skipSucceeded(sub.Batch, sub.Jobs, succeeded)
	if err != nil {
		return job.Batch{}, err
	}
	b, err := newBatch(sub, jobs, now)
	if err != nil {
		return job.Batch{}, err
	}
	b.Seq, err = u.tx.InsertBatch(u.ctx, b, sub.RequestID, sub.PayloadHash)
	if err != nil {
		return job.Batch{}, err
	}
	if err := u.insertJobs(NewJobs{BatchSeq: b.Seq, Revision: FirstRevision, Time: now, Jobs: jobs}); err != nil {
		return job.Batch{}, err
	}
	newlySkipped, err := u.insertSkipped(b.Seq, skipped)
	if err != nil {
		return job.Batch{}, err
	}
	if b.Open && b.DistinctBy == job.ByOutputPath { // jobs are going to be added
		u.outputPaths[b.Seq] = &batchOutputs{}
		u.addOutputs(b.Seq, 0, jobs, skipped, newlySkipped)
	}
	u.noteSubmitted(b.AccountID, len(jobs))
	if b.State.Terminal() { // there is nothing to do
		if err := u.notifyBatch(&b, now); err != nil {
			return job.Batch{}, err
		}
	}
	u.wakeup(&b).Dispatch = true
	return readBatch(u.ctx, u.tx, b.ID)
}

// insertJobs inserts jobs and counts them as ready.
func (u *unit) insertJobs(jobs NewJobs) error {
	if len(jobs.Jobs) == 0 {
		return nil
	}
	u.countInserted(jobs.BatchSeq, jobs.LastNumber, int64(len(jobs.Jobs)))
	return u.tx.InsertJobs(u.ctx, jobs)
}

// requestKey is the key of a submission.
func requestKey(sub job.Submission) job.RequestKey {
	return job.RequestKey{
		CreatedBy: creator(sub.Batch), AccountID: sub.Batch.AccountID, ID: sub.RequestID, PayloadHash: sub.PayloadHash,
	}
}

// creator is who submits a batch.
func creator(b job.Batch) string { return cmp.Or(b.CreatedBy, access.LocalName) }

// BatchByRequestID returns the batch that an earlier submission with this id and hash made, as
// it is now. If there is none the answer is [job.ErrNotFound], if there is one with another hash
// [job.ErrExists], and if that batch was deleted within the last week a [job.DeletedError].
//
// An id belongs to who submitted with it. Nobody pays twice because the service begins to ask who
// calls, or ceases to: the ids of [access.LocalName] are everybody's who submits to the same
// account, and for [access.LocalName] the same submission of anybody is a repeat.
func (s *Store) BatchByRequestID(ctx context.Context, key job.RequestKey) (b job.Batch, err error) {
	err = s.engine.Snapshot(ctx, func(r Reader) error {
		b, err = submittedBatch(ctx, r, key)
		return err
	})
	if err != nil {
		return job.Batch{}, fmt.Errorf("earlier submission: %w", err)
	}
	return b, nil
}

// submittedBatch is the batch that an earlier submission made.
func submittedBatch(ctx context.Context, r Reader, key job.RequestKey) (job.Batch, error) {
	if key.ID == "" {
		return job.Batch{}, job.ErrNotFound
	}
	id, hash, err := r.BatchByRequestID(ctx, key)
	if errors.Is(err, job.ErrNotFound) {
		return job.Batch{}, findDeleted(ctx, r, key)
	}
	if err != nil {
		return job.Batch{}, err
	}
	if !bytes.Equal(hash, key.PayloadHash) {
		return job.Batch{}, reusedError(key, id)
	}
	return readBatch(ctx, r, id)
}

// findDeleted returns a [job.DeletedError] if the batch that an earlier submission made was deleted, and
// [job.ErrNotFound] if there was none.
func findDeleted(ctx context.Context, r Reader, key job.RequestKey) error {
	d, err := r.DeletedByRequestID(ctx, key)
	switch {
	case err != nil:
		return err
	case !bytes.Equal(d.PayloadHash, key.PayloadHash):
		return reusedError(key, d.ID)
	}
	return &job.DeletedError{ID: d.ID, BatchNumber: d.Seq, Time: d.Time}
}

func reusedError(key job.RequestKey, batchID string) error {
	return fmt.Errorf("request id %q was used for another submission, batch %s: %w", key.ID, batchID, job.ErrExists)
}

func newBatch(sub job.Submission, jobs []job.Spec, now time.Time) (job.Batch, error) {
	b := sub.Batch
	if b.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return job.Batch{}, fmt.Errorf("make a batch id: %w", err)
		}
		b.ID = id.String()
	}
	if b.State == "" {
		b.State = job.BatchActive
		if b.Open {
			b.State = job.BatchOpen
		}
	}
	b.CreatedBy = creator(b)
	b.Counts = job.Counts{Waiting: int64(len(jobs))}
	b.Revision = FirstRevision
	b.CreateTime, b.UpdateTime, b.StartTime, b.FinishTime = now, now, time.Time{}, time.Time{}
	b.StateTime = now
	b.Derive(now)
	return b, nil
}
