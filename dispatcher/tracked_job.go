package dispatcher

import (
	"cmp"
	"sync/atomic"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// unknownPriority is the platformPriority of an encoding that an earlier process has started.
const unknownPriority = -1

// stopRetryInterval is how long after a stop the platform is asked for another one if the encoding
// has not ended. The pause doubles with each stop, up to maxStopRetryInterval.
const (
	stopRetryInterval    = 30 * time.Second
	maxStopRetryInterval = 32 * stopRetryInterval
)

// An encoding with an unknown status is polled after half the time for which it has shown that
// status, within these bounds.
const (
	minUnknownPoll = time.Second
	maxUnknownPoll = 2 * time.Minute
)

// unchangedPollsAtOnce is how many polls of an encoding that is expected to change at once follow
// each other without the pause between them growing.
const unchangedPollsAtOnce = 10

// trackedJob is a job that the loop has something to do with: it is in flight, it is
// prepared, or a task for it is under way. Tasks get a copy of it.
type trackedJob struct {
	job   job.Job
	batch *batch // as it was when the latest task began

	task      taskKind
	taskSince time.Time
	sent      *atomic.Bool // the call of the start under way has left
	nextPoll  time.Time
	lastPoll  time.Time
	notBefore time.Time // no task before, after a failure that is not the job's

	// Failures in a row of one kind of task, none of them a failure of the job.
	failures     int
	failingTask  taskKind
	failingSince time.Time
	lastErr      error
	notStarted   int // starts in a row without an answer that were not made
	// forbiddenCount counts 403s for this very job in a row.
	forbiddenCount int
	// batchFailures is batchBackoffs.failures of the batch when the latest task began.
	batchFailures int

	// What the platform shows of the encoding.
	missingSince    time.Time // when the platform first said that it has no such encoding
	listEvidence    evidence  // what the latest walk said of it when the task began
	listedID        string    // the id under which that walk found its name
	inLastCount     bool      // the last count of the queue contained it
	missedCountTime time.Time // the last count that should have contained it and did not; else zero
	leftQueue       bool      // it cannot be polled, and the platform's queue does not contain it
	readsEncoding   bool      // its status resource has no answer, the encoding itself has

	end        expectedEnd
	pollSingly bool      // no list tells what has to be known of it
	replaced   bool      // it is expected to have ended, and an encoder has been seen to take another one since
	pollBegan  time.Time // when the latest poll began that has ended

	// How often polls and lists led to nothing.
	unchangedPolls int // polls in a row that should have seen a change at once
	overduePolls   int // polls in a row of an encoding that should have ended
	unlistedCount  int // lists in a row that lacked it although they should have it

	stopRequests     int // how often the platform was asked to stop it
	platformPriority int // the priority that the platform was told, or unknownPriority

	indexed indexed // what the tracker's index has of it
}

// count is what the job adds to the counts of all jobs.
func (t *trackedJob) count() (c jobCounts) {
	switch {
	case t.task == taskStart: // its state is known when the call has been answered
		c.starting = 1
	case t.job.State == job.Queued:
		c.queued = 1
	case t.job.State == job.Running:
		c.running = 1
	case t.job.State == job.Starting:
		c.starting = 1
	case t.job.State == job.Cancelling:
		c.cancelling = 1
	case t.job.Prepared():
		c.prepared = 1
	}
	if t.job.State == job.Running && !t.hasUnknownStatus() && !t.replaced {
		c.observedRunning = 1
	}
	if !t.isUnusual() && t.holdsPlace() {
		c.places = 1
	}
	return c
}

// isUnusual reports whether the index goes through the job for each decision; see jobIndex.
func (t *trackedJob) isUnusual() bool {
	return t.failures > 0 || t.lastErr != nil || !t.notBefore.IsZero() || t.hasUnknownStatus() || t.cannotBePolled()
}

// isStarting reports whether a start has been recorded, or is about to be, and has not been answered.
func (t *trackedJob) isStarting() bool {
	return t.job.State == job.Starting || t.job.Step == job.StepStart || t.task == taskStart
}

// holdsPlace reports whether a usual job holds a place in the platform's queue, or may hold one. Of
// unusual ones the last count tells more: queueCount.holdsPlace.
func (t *trackedJob) holdsPlace() bool {
	return t.isStarting() || t.job.State == job.Queued || t.job.State == job.Cancelling && t.job.RunningTime.IsZero()
}

// stopDue is when to stop the encoding of a job that is being cancelled.
func (t *trackedJob) stopDue() time.Time {
	if t.job.Step == job.StepStop {
		return later(t.notBefore, t.job.StepTime.Add(t.stopRetryPause()))
	}
	return t.notBefore
}

// callObject names, for the breaker, the object of the job's calls: its encoding, or else the job.
func (t *trackedJob) callObject() string { return cmp.Or(t.job.EncodingID, t.job.ID.String()) }

// noteFailure records that a task failed for a reason that is not the job's, and makes the job
// wait before its next task.
func (t *trackedJob) noteFailure(kind taskKind, err error, now time.Time) {
	if t.failures == 0 || t.failingTask != kind {
		t.failures, t.failingSince = 0, now
	}
	t.failures++
	t.failingTask, t.lastErr = kind, err
	t.notBefore = now.Add(jobPause(t.failures))
}

// noteNotStarted makes the job wait after a start without an answer that was not made. Each such start holds a place in
// the queue for longer than a minute: without a pause, as many jobs on which the platform breaks as there are places
// would keep all others of their batch from being started.
func (t *trackedJob) noteNotStarted(now time.Time) {
	t.notStarted++
	t.noteFailure(taskStart, errNotStarted, now)
	t.notBefore = now.Add(growingPause(firstSkipPause, t.notStarted, maxSharedPause))
}

// clearFailure forgets the failures of a task once a task of the same kind has worked, or one of
// another kind has changed the job's state. A list that shows the encoding (taskRecord) proves
// nothing about the calls that fail.
func (t *trackedJob) clearFailure(kind taskKind, stateChanged bool) {
	if kind == t.failingTask || stateChanged && kind != taskRecord {
		t.failures, t.failingTask, t.lastErr = 0, taskNone, nil
		t.notBefore, t.failingSince, t.leftQueue = time.Time{}, time.Time{}, false
	}
}

// lacksStatus reports whether the platform gave no answer about the encoding when it was
// polled last. Such an encoding is polled at its own pace, and no other job waits for it.
// A poll of which the answer could not be written says nothing of the kind.
func (t *trackedJob) lacksStatus() bool {
	return t.failures > 0 && t.failingTask == taskPoll && !job.TableTrouble(t.lastErr)
}

// cannotBePolled reports whether no poll tells how the encoding stands, so that only the
// platform's queue as a whole shows whether it holds a place there.
func (t *trackedJob) cannotBePolled() bool {
	return t.lacksStatus() || !t.missingSince.IsZero() || t.job.Step == job.StepStart && t.job.EncodingID == ""
}

// hasUnknownStatus reports whether the encoding shows a status that this version does not know.
// Nothing is expected of it: it is neither the queue's head nor about to end.
func (t *trackedJob) hasUnknownStatus() bool { return t.job.PlatformStatus != "" }

// isPredictable reports whether the platform shows the encoding's status, and a known one.
func (t *trackedJob) isPredictable() bool { return !t.lacksStatus() && !t.hasUnknownStatus() }

// expectsChange reports whether the encoding is expected to change at once.
func (t *trackedJob) expectsChange() bool {
	return t.job.Step == job.StepStart || t.job.State == job.Cancelling || !t.missingSince.IsZero()
}

// missingForLong reports whether the platform has said for the settle time that it does not
// know the encoding's status.
func (t *trackedJob) missingForLong(now time.Time, settle time.Duration) bool {
	return !t.missingSince.IsZero() && now.Sub(t.missingSince) >= settle
}

// isAnswer reports whether err is the platform's answer about this very job, and neither an outage
// nor a refusal of the account. A 403 counts once there were maxForbidden in a row.
func (t *trackedJob) isAnswer(err error) bool {
	if bitmovin.Unauthorized(err) {
		return t.forbiddenCount >= maxForbidden
	}
	return !bitmovin.Outage(err)
}

// exceedsTolerance reports whether a refusal counts as the job's failure although a shared
// resource is missing: jobs of the batch have found one missing again and again, however often
// it was created anew.
func (t *trackedJob) exceedsTolerance(err error) bool {
	return t.batchFailures >= sharedFailuresTolerated && t.isAnswer(err) && !bitmovin.Unauthorized(err)
}

// pollIfUnlisted polls the encoding at once because a list lacks it that should have it. The
// more lists in a row lack it, the longer it waits before the next poll.
func (t *trackedJob) pollIfUnlisted(now time.Time) {
	if !t.nextPoll.After(now) || t.lacksStatus() || t.unlistedCount > 0 && now.Sub(t.lastPoll) < growingPause(changePoll, t.unlistedCount, maxSharedPause) {
		return
	}
	t.nextPoll = now
	t.unlistedCount++
}

// notePoll records what a finished poll says of the encoding's presence, and counts the polls
// that should have seen a change and did not.
func (t *trackedJob) notePoll(kind taskKind, o outcome, before job.State, now time.Time) {
	if kind == taskPoll {
		t.pollBegan = t.taskSince
		t.lastPoll, t.readsEncoding = now, o.fromEncoding || t.readsEncoding && o.callErr != nil
		switch {
		case !o.missing && o.callErr == nil:
			t.missingSince = time.Time{}
		case o.missing && t.missingSince.IsZero():
			t.missingSince = now
		}
	}
	if kind == taskStop {
		t.stopRequests++
	}
	switch {
	case !t.expectsChange() || t.job.State != before:
		t.unchangedPolls = 0
	case kind == taskPoll:
		t.unchangedPolls++
	}
}

// notePriority records the priority that the platform was told.
func (t *trackedJob) notePriority(kind taskKind, o outcome) {
	switch {
	case kind == taskStart && o.called:
		t.platformPriority = t.batch.Priority
	case kind == taskReprioritize && !bitmovin.Outage(o.callErr):
		t.platformPriority = t.batch.Priority // done, or refused because it is no longer queued
	}
}

// noteForbidden counts the job's 403s in a row.
func (t *trackedJob) noteForbidden(o outcome) {
	if bitmovin.Unauthorized(o.callErr) {
		t.forbiddenCount++
	} else if o.called && o.sharedErr == nil {
		t.forbiddenCount = 0
	}
}

// changePollPause is how soon to poll again an encoding that is expected to change at once. The
// pause grows while it does not change.
func (t *trackedJob) changePollPause() time.Duration {
	return growingPause(changePoll, t.unchangedPolls-unchangedPollsAtOnce, maxJobPause)
}

// stopRetryPause is how long after the latest stop to ask for one again.
func (t *trackedJob) stopRetryPause() time.Duration {
	return growingPause(stopRetryInterval, t.stopRequests, maxStopRetryInterval)
}

// unknownStatusPause is how soon to poll again an encoding with an unknown status: after half the
// time since it first showed that status or was told to stop.
func (t *trackedJob) unknownStatusPause(now time.Time) time.Duration {
	since := t.job.PlatformStatusTime
	if t.job.Step == job.StepStop && t.job.StepTime.After(since) {
		since = t.job.StepTime
	}
	return min(max(now.Sub(since)/2, minUnknownPoll), maxUnknownPoll)
}

// waitReason is why the job waits, if it waits for an answer about its encoding.
func (t *trackedJob) waitReason() (w job.Wait, waits bool) {
	switch {
	case !t.job.State.OnPlatform():
		return w, false
	case t.failingTask == taskStop:
		w.Code, w.Since = job.WaitStop, t.failingSince
	case t.job.Step == job.StepStart && (t.lacksStatus() || t.job.EncodingID == ""):
		w.Code, w.Since = job.WaitUnknownStart, t.job.StepTime
	case t.lacksStatus():
		w.Code, w.Since = job.WaitMissing, t.failingSince
	case !t.missingSince.IsZero():
		w.Code, w.Since = job.WaitMissing, t.missingSince
	default:
		return w, false
	}
	w.Until = t.nextPoll
	if t.lastErr != nil {
		w.Text = shortText(t.lastErr)
	}
	return w, true
}

// statusNote is what the account's status says of a job beyond the job table: a start under way,
// or the reason of a pause. It is zero if the job has neither.
func (t *trackedJob) statusNote(now time.Time) (n job.Note) {
	if t.task == taskStart {
		n.Starting, n.Since = true, t.taskSince
	}
	if t.lastErr != nil && t.failures > 0 && t.notBefore.After(now) {
		n.Problem = job.Problem{Text: shortText(t.lastErr), Since: t.failingSince, Until: t.notBefore}
	}
	return n
}
