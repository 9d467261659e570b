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
	reapTime = time.Millisecond
	// firstRows is how many rows are removed in the first write, and usualRowsOfJob how many a job is taken to have
	// before any have been removed.
	firstRows, usualRowsOfJob = 50, 8
	// reapRetry is how long after an error the reaper goes on.
	reapRetry = time.Minute
)

// reaper removes the rows of deleted batches in the background, and gives the room that they took back to the
// disk, a little at a time.
type reaper struct {
	s *Store
	// rows is about how many rows go in the next write, and rowsOfJob how many the jobs had that were removed last.
	rows, rowsOfJob int64
}

func newReaper(s *Store) *reaper {
	return &reaper{s: s, rows: firstRows, rowsOfJob: usualRowsOfJob}
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
		err := repeat(ctx, r.s, r.removeRows)
		if err == nil {
			err = repeat(ctx, r.s, r.releaseSpace)
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

// reaped is what one write has removed, and how long the database took for that.
type reaped struct {
	Reaped
	took time.Duration
}

// removeRows removes a part of a deleted batch.
func (r *reaper) removeRows(ctx context.Context) (more bool, err error) {
	jobs, rows := max(r.rows/r.rowsOfJob, 1), r.rows
	done, err := write(ctx, r.s, op{what: "remove deleted batches", readsTable: true, background: true}, func(u *unit) (reaped, error) {
		return u.reap(jobs, rows)
	})
	if err != nil {
		return false, err
	}
	if done.Jobs > 0 {
		r.rowsOfJob = max(done.Rows/done.Jobs, 1)
	}
	r.adapt(done.took)
	return done.Rows > 0, nil
}

// adapt chooses how many rows go in the next write, after one whose removal took a time.
func (r *reaper) adapt(took time.Duration) {
	switch {
	case took > 2*reapTime:
		r.rows /= 2
	case took < reapTime:
		r.rows *= 2
	}
	r.rows = max(min(r.rows, reapRows), 1)
}

// reap removes jobs of a deleted batch and remembers those that have succeeded, or removes about as many rows of what
// else there is of the batch. The time that it takes to ask the database for something, which may be on another
// machine, is not one of the removal.
func (u *unit) reap(jobs, rows int64) (reaped, error) {
	began := time.Now()
	b, err := u.tx.NextDeleted(u.ctx)
	if err != nil {
		_, err = ignoreMissing(b, err)
		return reaped{}, err
	}
	found := time.Now()
	done, err := u.tx.ReapJobs(u.ctx, b.Seq, jobs)
	if err == nil && done.Jobs == 0 {
		done, err = u.tx.ReapBatch(u.ctx, b.Seq, rows)
	}
	if err != nil {
		return reaped{}, err
	}
	took := time.Since(found) - found.Sub(began)
	if len(done.Succeeded) == 0 {
		return reaped{done, took}, nil
	}
	keyOf := resultKeys(b)
	results := make([]Result, len(done.Succeeded))
	for i, j := range done.Succeeded {
		results[i] = Result{Key: keyOf(j.Spec), AccountID: b.AccountID, EncodingID: j.EncodingID, Time: j.FinishTime}
	}
	return reaped{done, took}, u.tx.AddResults(u.ctx, results)
}

// releaseSpace gives room back to the disk.
func (r *reaper) releaseSpace(ctx context.Context) (more bool, err error) {
	return write(ctx, r.s, op{what: "give room back", background: true}, func(u *unit) (bool, error) { return u.tx.ReleaseSpace(u.ctx) })
}
