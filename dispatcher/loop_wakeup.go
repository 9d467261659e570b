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

// noteChanges notes what has to be read because others have changed the job table.
func (l *accountLoop) noteChanges(c changes) {
	o := &l.outdated
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
		t := l.jobs.tracked[id]
		if t != nil {
			o.jobs[id] = true
		}
		if t == nil || !t.job.State.OnPlatform() { // it leaves the line, or comes back to it
			o.nextJobs, o.orphans = true, true
		}
	}
}

// readChanged reads the batches and jobs that have changed.
func (l *accountLoop) readChanged(ctx context.Context, now time.Time) error {
	for id := range l.outdated.batches {
		if err := l.readChangedBatch(ctx, id, now); err != nil {
			return err
		}
		delete(l.outdated.batches, id)
	}
	for id := range l.outdated.jobs {
		if err := l.readChangedJob(ctx, id, now); err != nil {
			return err
		}
		delete(l.outdated.jobs, id)
	}
	return nil
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
	if l.movesLine(l.jobs.batches[id], &read) {
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

// movesLine reports whether the line has to be read at once because a batch has changed. known is
// the batch as it was, nil if it was not known.
func (l *accountLoop) movesLine(known *batch, b *job.Batch) bool {
	if l.line.hasJobsOf(b.ID) && (known == nil || known.Priority != b.Priority || !b.State.Dispatches()) {
		return true
	}
	if !b.State.Dispatches() || b.Counts.Waiting == 0 {
		return false
	}
	l.line.complete = false // it may have more jobs now
	switch last := l.line.last(); {
	case l.line.hasJobsOf(b.ID): // the others are behind those
		return false
	case last == nil || b.Priority > l.jobs.batchPriority(last.ID.Batch):
		return true
	case b.Priority == l.jobs.batchPriority(last.ID.Batch):
		l.line.shared, l.line.changed = true, true
	}
	return false
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
		if _, err := l.readBatch(ctx, id.Batch); err != nil { // for its priority
			return err
		}
	}
	l.jobs.track(j, now)
	l.jobs.untrackIfDone(id, now)
	return nil
}
