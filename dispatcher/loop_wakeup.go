package dispatcher

import (
	"context"
	"errors"
	"time"

	"github.com/stokerd/stoker/job"
)

// outdated says what has to be read from the job table again.
type outdated struct {
	settings, dailyStarts, nextJobs, orphans bool
	inFlight                                 bool // all jobs in flight, with their batches
	batches                                  map[string]bool
	jobs                                     map[job.ID]bool
}

func nothingOutdated() outdated {
	return outdated{batches: map[string]bool{}, jobs: map[job.ID]bool{}}
}

// isEmpty reports whether nothing has to be read.
func (o *outdated) isEmpty() bool {
	return !o.settings && !o.dailyStarts && !o.nextJobs && !o.orphans && !o.inFlight && len(o.batches)+len(o.jobs) == 0
}

// note notes what has to be read because others have changed the job table. jobs are the jobs as they are
// known.
func (o *outdated) note(c changes, jobs *jobTracker) {
	if c.account {
		o.settings, o.dailyStarts = true, true
	}
	if c.everything {
		o.inFlight, o.nextJobs, o.orphans = true, true, true
		return
	}
	for id := range c.batches {
		o.batches[id] = true
	}
	for id := range c.jobs {
		t := jobs.tracked[id]
		if t != nil {
			o.jobs[id] = true
		}
		if t == nil || !t.job.State.OnPlatform() { // it leaves the line, or comes back to it
			o.nextJobs, o.orphans = true, true
		}
	}
}

// readChangedBatch reads a batch that has changed, and keeps it if the loop has to do with it.
func (l *accountLoop) readChangedBatch(ctx context.Context, id string, now time.Time) error {
	read, err := l.store.Batch(ctx, id)
	if errors.Is(err, job.ErrNotFound) {
		delete(l.jobs.batches, id)
		l.jobs.removeBatch(id, now)
		return nil
	}
	if err != nil {
		return err
	}
	if l.line.noteBatch(l.jobs, &read) {
		l.outdated.nextJobs = true
	}
	l.jobs.setBatch(&batch{read})
	l.forgetBatchIfDone(id)
	return nil
}

// forgetBatchIfDone forgets a batch with which the loop has nothing to do.
func (l *accountLoop) forgetBatchIfDone(id string) {
	if !l.jobs.hasJobsOf(id) && !l.line.hasJobsOf(id) && l.batchBackoffs[id] == nil {
		delete(l.jobs.batches, id)
	}
}

// readChangedJob reads a job that may have changed otherwise than the loop knows.
func (l *accountLoop) readChangedJob(ctx context.Context, id job.ID, now time.Time) error {
	j, err := l.store.Job(ctx, id)
	switch t := l.jobs.tracked[id]; {
	case errors.Is(err, job.ErrNotFound):
		if t != nil && t.task == taskNone {
			l.jobs.remove(t)
		}
		return nil
	case err != nil:
		return err
	}
	if j.State == job.Queued {
		if _, err := l.jobs.readBatch(ctx, l.store, id.Batch); err != nil { // for its priority
			return err
		}
	}
	l.jobs.track(j, now)
	l.jobs.untrackIfDone(id, now)
	return nil
}
