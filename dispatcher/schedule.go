package dispatcher

import (
	"time"

	"github.com/stokerd/stoker/job"
)

// When to look at an encoding again. A look costs one of 6,000 calls a minute; what
// matters is that a free place in the queue is seen at once, and that a job under
// way costs few of them:
//
//   - A running encoding is looked at when it is expected to end.
//   - When it has ended, an encoder has become free and has taken the head of the
//     queue: the head is looked at.
//   - While encoders are hungry, taking what is queued as soon as it is, all that is
//     queued is looked at when one has been taken, and whoever becomes the head soon
//     after it was started.
//   - Just in case, the head is looked at a third as often as encodings usually end.
//
// What goes on meanwhile (progress, early failures) is seen by listing; see progress.go.
const (
	// changePoll is when to look again at something that is expected to change at once.
	changePoll = time.Second
	// starvingWait is how short an encoding waited in the queue if encoders are hungry.
	starvingWait = time.Second
	// starvingPoll is when to look at what is queued while they are.
	starvingPoll = 250 * time.Millisecond
	// maxHeadPoll bounds how often the head is looked at just in case.
	maxHeadPoll = 5 * time.Minute
	// queuedPoll is when to look at what waits in the queue although nobody has told of it.
	queuedPoll = 15 * time.Minute
	// maxRunningPoll is the latest look at a running encoding: estimates can be wrong, though the
	// list shows whoever has ended before.
	maxRunningPoll = time.Hour
)

// drainRate is what the loop has learnt about how fast encodings come and go.
type drainRate struct {
	runtime       time.Duration // how long encodings run, averaged; 0: not known yet
	startTime     time.Duration // how long a start takes, averaged
	setupTime     time.Duration // how long a template takes to be queued, averaged
	starvingTime  time.Time     // encoders were last seen to be hungry
	headTakenTime time.Time     // the queue was last seen to have lost its head
}

// noteRun takes note of an encoding's run.
func (p *drainRate) noteRun(j *job.Job, now time.Time) {
	if j.RunningTime.IsZero() {
		return
	}
	run := max(now.Sub(j.RunningTime), 0)
	if p.runtime == 0 {
		p.runtime = run
	}
	p.runtime += (run - p.runtime) / 8
}

// headPollInterval is how often to look at the head of the queue although nothing tells
// that it has gone: a third as often as encodings usually end.
func (p *drainRate) headPollInterval(running int) time.Duration {
	if p.runtime == 0 || running == 0 {
		return changePoll
	}
	return min(max(3*p.runtime/time.Duration(running), changePoll), maxHeadPoll)
}

// scheduleNextPoll decides when to look at a job again after a task.
func (d *accountLoop) scheduleNextPoll(kind taskKind, e *trackedJob, o outcome, now time.Time) {
	if o.setupTime > 0 {
		d.drain.noteSetup(o.setupTime)
	}
	if kind == taskPoll {
		e.lastPoll, e.readsEncoding = now, o.readsEncoding || e.readsEncoding && o.callErr != nil
		switch {
		case !o.missing && o.callErr == nil:
			e.missingSince = time.Time{}
		case o.missing && e.missingSince.IsZero():
			e.missingSince = now
		}
	}
	if kind == taskStop {
		e.stopRequests++
	}
	e.notePoll(kind, o.stateBefore)
	switch {
	case e.notBefore.After(now):
		e.nextPoll = e.notBefore
	case e.job.Step == job.StepStart && e.job.EncodingID == "":
		e.nextPoll = d.nextLookupTime(kind, e, now)
	case e.hasUnknownStatus() && e.missingSince.IsZero():
		e.nextPoll = now.Add(e.unknownStatusPause(now))
	case e.expectsChange():
		e.nextPoll = now.Add(e.changePollPause())
		if settled := e.job.StepTime.Add(d.settle); e.job.Step == job.StepStart && settled.After(now) {
			e.nextPoll = earlier(e.nextPoll, settled)
		}
	case kind == taskRecord && e.job.State == job.Running && o.stateBefore == job.Running:
		// The list is no better informed than the look before it.
	case e.job.State == job.Running:
		e.nextPoll = now.Add(d.nextRunningPoll(e, o, now))
	case kind == taskStart && d.isQueueHead(e) && now.Sub(d.drain.starvingTime) < 2*starvingWait:
		e.nextPoll = now.Add(d.setupTime(e) + starvingPoll)
	default:
		e.nextPoll = now.Add(queuedPoll)
	}
}

// expectsChange reports whether something is expected to be seen of the encoding at once.
func (e *trackedJob) expectsChange() bool {
	return e.job.Step == job.StepStart || e.job.State == job.Cancelling || !e.missingSince.IsZero()
}

// notePoll counts the looks that were to see something at once and did not.
func (e *trackedJob) notePoll(kind taskKind, before job.State) {
	switch {
	case !e.expectsChange() || e.job.State != before:
		e.unchangedPolls = 0
	case kind == taskPoll:
		e.unchangedPolls++
	}
}

// predictable reports whether anything can be expected of the encoding: it is neither without
// an answer nor in a status that nobody knows.
func (e *trackedJob) predictable() bool { return !e.lacksStatus() && !e.hasUnknownStatus() }

// nextRunningPoll is when a running encoding is expected to end: by the platform's
// estimate, else by how long others ran.
func (d *accountLoop) nextRunningPoll(e *trackedJob, o outcome, now time.Time) time.Duration {
	eta := o.eta
	if d.drain.runtime == 0 && eta > 0 && !e.job.RunningTime.IsZero() {
		d.drain.runtime = max(now.Sub(e.job.RunningTime), 0) + eta // until one has ended
	}
	if eta == 0 && d.drain.runtime > 0 && !e.job.RunningTime.IsZero() {
		eta = e.job.RunningTime.Add(d.drain.runtime).Sub(now)
	}
	if eta > 0 {
		e.overduePolls = 0
	} else {
		e.overduePolls++ // it should have ended
		eta = growingPause(changePoll/2, e.overduePolls-10, maxJobPause)
		if o.eta == 0 && d.drain.runtime == 0 {
			eta = d.pollInterval
		}
	}
	return min(max(eta+eta/50, changePoll/4), maxRunningPoll)
}

// noteProgress draws conclusions about the others from what happened to one job.
func (d *accountLoop) noteProgress(before job.State, e *trackedJob, now time.Time) {
	j := &e.job
	if before == job.Running && j.State != job.Running {
		d.drain.noteRun(j, now)
		d.pollHead(now)
	}
	queued := before == job.Queued || before == job.Starting
	if !queued || (j.State != job.Running && j.State != job.Succeeded) || j.StartTime.IsZero() {
		return
	}
	d.drain.headTakenTime = now
	if j.RunningTime.IsZero() || j.RunningTime.Sub(j.QueuedTime) < starvingWait {
		d.drain.starvingTime = now
		for _, other := range d.tracked {
			if other.job.State == job.Queued && other.predictable() && now.Sub(other.lastPoll) > starvingPoll && !d.settingUp(other, now) {
				other.nextPoll = now
			}
		}
	}
}

// pollHead has the head of our queue looked at: an encoder became free, so that it
// has probably been taken.
func (d *accountLoop) pollHead(now time.Time) {
	if head := d.queueHead(); head != nil && head.nextPoll.After(now) && !d.settingUp(head, now) {
		head.nextPoll = now
	}
}

// queueHead is our job that the platform takes next: the highest priority, then the
// first that was queued. A job being looked at right now is passed over, and so is one
// that the platform gives no answer about.
func (d *accountLoop) queueHead() *trackedJob {
	var head *trackedJob
	for _, e := range d.tracked {
		if e.job.State == job.Queued && e.task == taskNone && e.predictable() && (head == nil || d.precedes(&e.job, &head.job)) {
			head = e
		}
	}
	return head
}

// isQueueHead reports whether none of our queued jobs is ahead of e.
func (d *accountLoop) isQueueHead(e *trackedJob) bool {
	for _, other := range d.tracked {
		if other != e && other.job.State == job.Queued && other.predictable() && d.precedes(&other.job, &e.job) {
			return false
		}
	}
	return true
}

func (d *accountLoop) precedes(a, b *job.Job) bool {
	if pa, pb := d.batchPriority(a.ID.Batch), d.batchPriority(b.ID.Batch); pa != pb {
		return pa > pb
	}
	if !a.StartTime.Equal(b.StartTime) {
		return a.StartTime.Before(b.StartTime)
	}
	return a.ID.Number < b.ID.Number
}

// watchHead keeps an eye on the head of our queue, just in case nothing else tells
// that it has gone. It returns how many of our encodings run.
func (d *accountLoop) watchHead() (running int) {
	for _, e := range d.tracked {
		if e.job.State == job.Running && !e.hasUnknownStatus() {
			running++
		}
	}
	head := d.queueHead()
	if head == nil {
		return running
	}
	since := d.drain.headTakenTime
	for _, t := range []time.Time{head.lastPoll, head.job.StartTime} {
		if t.After(since) {
			since = t
		}
	}
	if next := since.Add(d.drain.headPollInterval(running)); next.Before(head.nextPoll) {
		head.nextPoll = next
	}
	return running
}
