package dispatcher

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// spawnJobTask begins a task for a job. Its result goes to finishJobTask.
func (l *accountLoop) spawnJobTask(ctx context.Context, kind taskKind, id job.ID, now time.Time, do func(context.Context, trackedJob) outcome) {
	if l.tasks.stopping {
		return
	}
	b, err := l.jobs.readBatch(ctx, l.store, id.Batch)
	switch {
	case errors.Is(err, job.ErrNotFound): // it was deleted meanwhile
		l.outdated.nextJobs = true
		return
	case err != nil:
		l.log.Error("cannot read a batch", "batch", id.Batch, "err", err)
		return
	}
	t := l.jobs.tracked[id]
	if t == nil {
		t = l.jobs.add(l.line.find(id), time.Time{})
	}
	if kind == taskStart {
		t.sent = new(atomic.Bool)
	}
	t.task, t.taskSince, t.batch, t.batchFailures = kind, now, b, l.batchBackoffs.failures(b.ID)
	walk := &l.walks.last
	t.listEvidence, t.listedID = walk.evidenceFor(t, l.worker.settle), walk.names[provision.AttemptName(&t.job)]
	l.jobs.refresh(t)
	snapshot := *t
	l.tasks.spawn(kind, func() func() {
		ctx, end := l.worker.traces.follow(ctx, kind, &snapshot)
		o := do(ctx, snapshot)
		end(o)
		return func() { l.finishJobTask(kind, id, o) }
	})
}

// finishJobTask passes the result of a job's task to everything that learns from it. Each of
// these functions is called for every result, and decides for itself whether the
// result concerns it. The first ones see the job as the loop knew it until now, the last
// ones as the task left it.
func (l *accountLoop) finishJobTask(kind taskKind, id job.ID, o outcome) {
	t, now := l.jobs.tracked[id], l.now()
	t.task = taskNone
	r := taskResult{kind: kind, tracked: t, before: t.job, outcome: o, now: now}

	l.updateBreaker(r)
	l.updateJobFailures(r)
	l.updateBackoffs(r)
	l.jobs.refresh(t) // the limit asks how many places are ours
	l.updateLimit(r)
	l.updateDrain(r)
	if o.job.Version > 0 {
		l.jobs.track(o.job, now)
	}
	l.supply.noteResult(r)
	l.worker.traces.noteAttempt(r)
	l.markOutdated(r)
	l.polls.scheduleNextPoll(r)
	l.jobs.refresh(t)
	l.polls.noteProgress(r)
	l.jobs.untrackIfDone(id, now)
	l.forgetBatchIfDone(id.Batch)
}

// updateBreaker tells the breaker how the task's call ended.
func (l *accountLoop) updateBreaker(r taskResult) {
	if r.outcome.called {
		l.noteCall(r.kind, r.tracked.callObject(), r.outcome.callErr, r.now)
	}
}

// updateJobFailures records on the tracked job whether the task has to be repeated, and what its
// result shows of the encoding.
func (l *accountLoop) updateJobFailures(r taskResult) {
	t, o := r.tracked, r.outcome
	switch err := o.retryReason(); {
	case err != nil:
		l.retries.total[r.kind]++
		t.noteFailure(r.kind, err, r.now)
		if t.lacksStatus() && t.failures == 1 && l.queue.holdsPlace(t) {
			l.queue.nextTime = r.now // the count tells whether the encoding still holds a place
		}
		if !errors.Is(err, job.ErrNotFound) { // its batch was deleted meanwhile
			l.log.Info("a job's task failed and will be repeated", "task", r.kind.String(), "job", t.job.ID.String(), "err", err, "failures", t.failures)
		}
	default:
		t.clearFailure(r.kind, o.job.Version > 0 && o.job.State != r.before.State)
		if r.kind == taskConfirm {
			l.reconciliation.confirmations[t.job.ID] = o.confirmation
		}
	}
	t.noteForbidden(o)
	t.notePriority(r.kind, o)
}

// updateBackoffs makes the batch, or the whole account, wait after a failure that concerns more
// than this job, and ends such a pause once a task has worked.
func (l *accountLoop) updateBackoffs(r taskResult) {
	o, batchID := r.outcome, r.tracked.batch.ID
	worked := o.called && o.callErr == nil && o.sharedErr == nil
	switch {
	case errors.Is(o.sharedErr, errOtherOrganisation):
		l.accountBackoff.noteFailure(o.sharedErr, r.now)
	case o.sharedErr != nil && r.kind != taskPoll:
		l.skipBatch(batchID, o.sharedErr, r.now)
	case r.refusal() != nil:
		l.batchBackoffs.noteRefusal(batchID, r.refusal(), &o.job, r.now)
		l.outdated.nextJobs = true
	case r.kind == taskPrepare && bitmovin.Ambiguous(o.callErr):
		if l.batchBackoffs.noteUnansweredConfigure(batchID, r.now) {
			l.outdated.nextJobs = true
		}
	case r.kind == taskStart && worked:
		delete(l.batchBackoffs, batchID)
		l.provenBatches.note(batchID, l.jobs.batches)
	case r.kind == taskPrepare && worked:
		delete(l.batchBackoffs, batchID)
		l.provenBatches.note(batchID, l.jobs.batches)
		l.accountBackoff = failureBackoff{}
	case r.kind == taskPoll && worked:
		l.accountBackoff = failureBackoff{}
	}
	if r.kind == taskPoll && o.job.State == job.Waiting && o.job.Attempt < r.before.Attempt {
		l.skipBatch(batchID, errNotStarted, r.now) // its next start would hold a place as long again
		r.tracked.noteNotStarted(r.now)
	}
	if o.job.State.OnPlatform() && o.job.Step != job.StepStart {
		r.tracked.notStarted = 0
	}
}

// skipBatch makes a batch be skipped for a while.
func (l *accountLoop) skipBatch(batchID string, err error, now time.Time) {
	l.batchBackoffs.skip(batchID, err, now)
	l.outdated.nextJobs = true
}

// updateLimit tells the queue limit whether the platform accepted a start.
func (l *accountLoop) updateLimit(r taskResult) {
	if r.kind != taskStart {
		return
	}
	o := r.outcome
	switch {
	case bitmovin.QueueFull(o.callErr):
		l.limit.noteRefused(l.queue.foreign+l.queue.countOwnPlaces(l.jobs.index), r.tracked.taskSince, r.now)
		l.queue.nextTime = earlier(l.queue.nextTime, later(r.now, l.lastCountTime.Add(minCountInterval)))
		r.tracked.clearFailure(taskStart, false) // the limit says when to go on
		l.log.Info("the platform's queue is full", "effective_target", l.limit.effective, "until", l.limit.fullUntil)
	case o.called && o.callErr == nil && o.sharedErr == nil:
		l.limit.noteAccepted(r.tracked.taskSince)
	}
}

// updateDrain tells the drain rate how long a start and the set-up after it took.
func (l *accountLoop) updateDrain(r taskResult) {
	o := r.outcome
	if r.kind == taskStart && o.called && o.callErr == nil && o.sharedErr == nil {
		l.polls.drain.noteStartCall(r.now.Sub(r.tracked.taskSince), r.now)
	}
	if r.kind == taskPrepare && o.job.Prepared() {
		l.polls.drain.notePrepare(r.now.Sub(r.tracked.taskSince))
	}
	if r.kind == taskPoll && o.called && o.callErr == nil {
		l.polls.forecast.notePollCall(r.now.Sub(r.tracked.taskSince))
	}
	if o.setupTime > 0 {
		l.polls.drain.noteSetup(o.setupTime)
	}
}

// markOutdated says what the loop has to read again because of a result.
func (l *accountLoop) markOutdated(r taskResult) {
	before, after := &r.before, &r.tracked.job
	if r.outcome.storeErr != nil {
		// The change may have been written although it was not acknowledged, or the job was not what
		// the line has.
		l.outdated.jobs[after.ID], l.outdated.nextJobs = true, true
	}
	if r.kind == taskStart {
		l.outdated.dailyStarts = true
	}
	if after.State == job.Waiting || after.State == job.Cancelled {
		l.outdated.orphans = true
	}
	l.line.changed = l.line.changed || before.State != after.State
	switch {
	case r.outcome.retryReason() != nil && before.State == job.Waiting: // other jobs go first meanwhile
		l.outdated.nextJobs = true
	case after.State != job.Waiting:
		l.line.leave(after.ID)
		if after.State == job.Failed { // its batch may have paused itself
			l.outdated.nextJobs = true
		}
	case before.State == job.Waiting && after.Prepared(): // it keeps its place
	case before.Version != after.Version:
		l.outdated.nextJobs = true
	}
}
