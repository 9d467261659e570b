package dispatcher

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// taskKind is what a task does at the platform.
type taskKind int

const (
	taskNone taskKind = iota
	taskProbe
	taskStop
	taskStart
	taskPoll
	taskCount
	taskPrepare
	taskDelete
	taskSweep
	taskList
	taskRecord
	taskReprioritize
	taskDefinitions
	taskWalk
	taskConfirm
	taskKinds // how many there are
)

func (k taskKind) String() string {
	return [taskKinds]string{"none", "probe", "stop", "start", "look", "count", "prepare", "delete", "sweep", "list", "record", "reprioritize", "define", "walk", "confirm"}[k]
}

// outcome is what came of a task for one job.
type outcome struct {
	// job is the job as the task left it.
	job job.Job
	// callErr is how the platform's call ended, nil included, for the breaker.
	// It says nothing if no call was made.
	callErr error
	called  bool
	// storeErr is set if the job table refused a change.
	storeErr error
	// stateBefore is the job's state when the task began.
	stateBefore job.State
	// eta is when the encoding is expected to end; zero if unknown.
	eta time.Duration
	// setupTime is how long the platform took to queue what a template made; zero if unknown.
	setupTime time.Duration
	// missing is set if the platform says that it has no such encoding.
	missing bool
	// readsEncoding is set if the encoding could be read, though not its status.
	readsEncoding bool
	// confirmation is what the platform showed of a job that waits.
	confirmation confirmation
	// sharedErr is trouble with something all jobs share, for example a storage.
	sharedErr error
	// inconclusive is what the platform answered if that settled nothing, though it may be no
	// outage: the same has to be asked again.
	inconclusive error
}

// retryReason is an error that is not the job's fault and after which it is tried again.
func (o outcome) retryReason() error {
	switch {
	case o.storeErr != nil && !errors.Is(o.storeErr, job.ErrConflict):
		return o.storeErr
	case o.callErr != nil && (bitmovin.Outage(o.callErr) || bitmovin.QueueFull(o.callErr)):
		return o.callErr
	case o.inconclusive != nil:
		return o.inconclusive
	}
	return o.sharedErr
}

// spawnJobTask runs a task for a job. The loop hears of its end.
func (d *accountLoop) spawnJobTask(ctx context.Context, kind taskKind, id job.ID, now time.Time, do func(context.Context, trackedJob) outcome) {
	if d.stopping {
		return
	}
	b, err := d.readBatch(ctx, id.Batch)
	if err != nil {
		d.log.Error("cannot read a batch", "batch", id.Batch, "err", err)
		return
	}
	e := d.tracked[id]
	if e == nil {
		e = &trackedJob{job: d.findNextJob(id), platformPriority: unknownPriority}
		d.tracked[id] = e
	}
	e.task, e.taskSince, e.batch, e.batchFailures = kind, now, b, 0
	if t := d.batchBackoffs[b.ID]; t != nil {
		e.batchFailures = t.failures
	}
	e.listEvidence, e.listedID = d.lastWalk.evidenceFor(e, d.settle), d.lastWalk.names[provision.AttemptName(&e.job)]
	d.busy[kind]++
	snapshot := *e
	d.runTask(func() func() {
		o := do(ctx, snapshot)
		return func() { d.finishJobTask(kind, id, o) }
	})
}

// findNextJob finds a job in the window.
func (d *accountLoop) findNextJob(id job.ID) job.Job {
	for _, j := range d.nextJobs {
		if j.ID == id {
			return j
		}
	}
	return job.Job{ID: id}
}

// finishJobTask takes note of what came of a job's task.
func (d *accountLoop) finishJobTask(kind taskKind, id job.ID, o outcome) {
	now := d.now()
	d.busy[kind]--
	e := d.tracked[id]
	e.task = taskNone
	before, encoding := e.job.State, e.job.EncodingID
	o.stateBefore = before
	if o.called {
		d.noteCall(kind, objectOf(e), o.callErr, now)
	}
	switch trouble := o.retryReason(); {
	case trouble != nil:
		d.retries.total[kind]++
		e.noteFailure(kind, trouble, now)
		if e.lacksStatus() && e.failures == 1 && d.makeInFlight(e, now).holdsPlace() {
			d.queue.nextTime = now // which tells whether it still holds a place
		}
		d.outdated.nextJobs = d.outdated.nextJobs || e.job.State == job.Waiting // others go first meanwhile
		d.log.Warn("will be tried again", "task", kind.String(), "job", id.String(), "err", trouble, "failures", e.failures)
	default:
		e.clearFailure(kind, o.job.Version > 0 && o.job.State != before)
	}
	if bitmovin.Unauthorized(o.callErr) {
		e.forbiddenCount++
	} else if o.called && o.sharedErr == nil {
		e.forbiddenCount = 0
	}
	if o.storeErr != nil {
		d.outdated.inFlight = true // it may have written what it did not acknowledge
	}
	if kind == taskStart {
		d.outdated.dailyStarts = true
	}
	if kind == taskConfirm && o.retryReason() == nil {
		d.confirmations[id] = o.confirmation
	}
	e.notePriority(kind, o)
	d.learn(kind, e, o, now)
	if o.job.Version > 0 {
		d.track(o.job, now)
	}
	if e.job.EncodingID != encoding {
		d.outdated.nextJobs = true // which says whether a job is configured
	}
	d.scheduleNextPoll(kind, e, o, now)
	d.noteChange(before, e, now)
}

// objectOf is what a job's calls are about, for the breaker.
func objectOf(e *trackedJob) string { return cmp.Or(e.job.EncodingID, e.job.ID.String()) }

// noteCall tells the breaker how a call about an object ended; by default it is about the
// account as a whole.
func (d *accountLoop) noteCall(kind taskKind, object string, err error, now time.Time) {
	if d.breaker.noteCall(cmp.Or(object, kind.String()), err, now) {
		d.log.Error("the platform cannot be used; jobs wait and lose no attempt", "task", kind.String(), "err", err)
	}
}

// learn takes note of what a task says about the account.
func (d *accountLoop) learn(kind taskKind, e *trackedJob, o outcome, now time.Time) {
	switch {
	case kind == taskStart && bitmovin.QueueFull(o.callErr):
		d.limit.noteRefused(d.queue.foreign+d.countOwnPlaces(now), now)
		d.queue.nextTime = now
		e.clearFailure(kind, false) // the limit says when to go on
		d.log.Info("the platform's queue is full", "effective_target", d.limit.effective, "until", d.limit.fullUntil)
	case errors.Is(o.sharedErr, errOtherOrganisation):
		d.accountBackoff.noteFailure(o.sharedErr, now)
	case o.sharedErr != nil && kind != taskPoll:
		d.skipBatch(e.batch.ID, o.sharedErr, now)
	case kind == taskPrepare && bitmovin.Ambiguous(o.callErr):
		d.noteUnansweredConfigure(e.batch.ID, now)
	case kind == taskStart && o.called && o.callErr == nil:
		d.limit.noteAccepted()
		d.drain.noteStartCall(now.Sub(e.taskSince))
		delete(d.batchBackoffs, e.batch.ID)
	case kind == taskPrepare && o.called && o.callErr == nil:
		delete(d.batchBackoffs, e.batch.ID)
		d.accountBackoff = failureBackoff{}
	case kind == taskPoll && o.called && o.callErr == nil && o.sharedErr == nil:
		d.accountBackoff = failureBackoff{}
	}
	if kind == taskPoll && o.job.State == job.Waiting && o.job.Attempt < e.job.Attempt {
		d.skipBatch(e.batch.ID, errNotStarted, now) // it would hold a place again for as long
	}
}

// noteChange notes what a changed job makes necessary.
func (d *accountLoop) noteChange(before job.State, e *trackedJob, now time.Time) {
	after := e.job.State
	if after == job.Waiting || after == job.Cancelled {
		d.outdated.orphans = true
	}
	if before != after || e.job.Prepared() {
		d.outdated.nextJobs = true
	}
	d.noteProgress(before, e, now)
	d.untrackIfDone(e.job.ID)
}

// untrackIfDone forgets a job with which there is nothing more to do.
func (d *accountLoop) untrackIfDone(id job.ID) {
	e := d.tracked[id]
	j := &e.job
	if e.task != taskNone || j.State.OnPlatform() || j.Prepared() || e.notBefore.After(d.now()) {
		return
	}
	delete(d.tracked, id)
}
