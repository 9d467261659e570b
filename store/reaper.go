package store

import (
	"context"
	"time"

	"github.com/stokerd/stoker/internal/clock"
)

const (
	// reapRows is about how many rows are removed in one write at most.
	reapRows = 1000
	// reapTime is about how long the removal in one write may take. Whoever writes at that moment waits for it.
	reapTime = 2 * time.Millisecond
	// usualRowsOfJob is how many rows a job is taken to have before any have been removed.
	usualRowsOfJob = 8
	// restFactor times as long as a write of the reaper took, other writes have the table for themselves.
	restFactor = 4
	// reapRetry is how long after an error the reaper goes on.
	reapRetry = time.Minute
)

// reaper removes the rows of deleted batches in the background, and gives the room that they took back to the
// disk, a little at a time.
type reaper struct {
	s *Store
	// rowsOfJob is how many rows the jobs had that were removed last, and jobs how many go in the next write.
	rowsOfJob, jobs int64
}

func newReaper(s *Store) *reaper {
	return &reaper{s: s, rowsOfJob: usualRowsOfJob, jobs: 1}
}

// wakeReaper says, here and to the other processes, that there are deleted batches.
func (t *table) wakeReaper() {
	awaken(t.reap)
	if t.exchange != nil {
		t.exchange.tell(Wakeups{Deleted: true})
	}
}

// run removes rows until ctx ends.
func (r *reaper) run(ctx context.Context) {
	awaken(r.s.reap) // an earlier process may not have come to the end of it
	for {
		select {
		case <-r.s.reap:
		case <-ctx.Done():
			return
		}
		err := r.repeat(ctx, r.removeRows)
		if err == nil {
			err = r.repeat(ctx, r.releaseSpace)
		}
		if err == nil || ctx.Err() != nil {
			continue
		}
		r.s.log.Warn("rows of deleted batches not removed", "err", err)
		if (clock.Real{}).Sleep(ctx, reapRetry) == nil {
			awaken(r.s.reap)
		}
	}
}

// repeat calls step until there is nothing more to do. Between two of them others have the table.
func (r *reaper) repeat(ctx context.Context, step func(context.Context) (more bool, err error)) error {
	for {
		began := time.Now()
		more, err := step(ctx)
		if err != nil || !more {
			return err
		}
		if err := rest(ctx, time.Since(began)); err != nil {
			return err
		}
	}
}

// removeRows removes a part of a deleted batch.
func (r *reaper) removeRows(ctx context.Context) (more bool, err error) {
	var took time.Duration
	jobs := r.jobs
	done, err := write(ctx, r.s, op{what: "remove deleted batches", readsTable: true}, func(u *unit) (Reaped, error) {
		began := time.Now()
		defer func() { took = time.Since(began) }()
		return u.reap(jobs)
	})
	if err != nil {
		return false, err
	}
	if done.Jobs > 0 {
		r.rowsOfJob = max(done.Rows/done.Jobs, 1)
		r.adapt(took)
	}
	return done.Rows > 0, nil
}

// adapt chooses how many jobs go in the next write, after one whose removal took a time.
func (r *reaper) adapt(took time.Duration) {
	switch {
	case took > 2*reapTime:
		r.jobs /= 2
	case took < reapTime:
		r.jobs *= 2
	}
	r.jobs = max(min(r.jobs, reapRows/r.rowsOfJob), 1)
}

// reap removes jobs of a deleted batch and remembers those that have succeeded, or removes what else there is
// of the batch.
func (u *unit) reap(jobs int64) (Reaped, error) {
	b, err := u.tx.NextDeleted(u.ctx)
	if err != nil {
		_, err = ignoreMissing(b, err)
		return Reaped{}, err
	}
	done, err := u.tx.ReapJobs(u.ctx, b.Seq, jobs)
	if err != nil {
		return Reaped{}, err
	}
	if done.Jobs == 0 {
		return u.tx.ReapBatch(u.ctx, b.Seq, reapRows)
	}
	if len(done.Succeeded) == 0 {
		return done, nil
	}
	keyOf := resultKeys(b)
	results := make([]Result, len(done.Succeeded))
	for i, j := range done.Succeeded {
		results[i] = Result{Key: keyOf(j.Spec), AccountID: b.AccountID, EncodingID: j.EncodingID, Time: j.FinishTime}
	}
	return done, u.tx.AddResults(u.ctx, results)
}

// releaseSpace gives room back to the disk.
func (r *reaper) releaseSpace(ctx context.Context) (more bool, err error) {
	return write(ctx, r.s, op{what: "give room back"}, func(u *unit) (bool, error) { return u.tx.ReleaseSpace(u.ctx) })
}

// rest lets others have the table after a write that took a time.
func rest(ctx context.Context, took time.Duration) error {
	return clock.Real{}.Sleep(ctx, restFactor*took)
}
