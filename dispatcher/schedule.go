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
	// soon is when to look again at something that is expected to change at once.
	soon = time.Second
	// hungryWait is how short an encoding waited in the queue if encoders are hungry.
	hungryWait = time.Second
	// hungryLook is when to look at what is queued while they are.
	hungryLook = 250 * time.Millisecond
	// headLook bounds how often the head is looked at just in case.
	headLook = 5 * time.Minute
	// queuedLook is when to look at what waits in the queue although nobody has told of it.
	queuedLook = 15 * time.Minute
	// runningLook is the latest look at a running encoding: estimates can be wrong, though the
	// list shows whoever has ended before.
	runningLook = time.Hour
)

// pace is what the loop has learnt about how fast encodings come and go.
type pace struct {
	runtime time.Duration // how long encodings run, averaged; 0: not known yet
	call    time.Duration // how long a start takes, averaged
	setup   time.Duration // how long a template takes to be queued, averaged
	hungry  time.Time     // encoders were last seen to be hungry
	moved   time.Time     // the queue was last seen to have lost its head
}

// ran takes note of an encoding's run.
func (p *pace) ran(j *job.Job, now time.Time) {
	if j.RunningTime.IsZero() {
		return
	}
	run := max(now.Sub(j.RunningTime), 0)
	if p.runtime == 0 {
		p.runtime = run
	}
	p.runtime += (run - p.runtime) / 8
}

// justInCase is how often to look at the head of the queue although nothing tells
// that it has gone: a third as often as encodings usually end.
func (p *pace) justInCase(running int) time.Duration {
	if p.runtime == 0 || running == 0 {
		return soon
	}
	return min(max(3*p.runtime/time.Duration(running), soon), headLook)
}

// schedule decides when to look at a job again after a task.
func (d *driver) schedule(kind taskKind, e *entry, o outcome, now time.Time) {
	if o.setup > 0 {
		d.pace.setUp(o.setup)
	}
	if kind == taskLook {
		e.looked, e.elsewhere = now, o.elsewhere || e.elsewhere && o.platform != nil
		switch {
		case !o.missing && o.platform == nil:
			e.goneSince = time.Time{}
		case o.missing && e.goneSince.IsZero():
			e.goneSince = now
		}
	}
	if kind == taskStop {
		e.stops++
	}
	e.waited(kind, o.before)
	switch {
	case e.notBefore.After(now):
		e.look = e.notBefore
	case e.job.Step == job.StepStart && e.job.EncodingID == "":
		e.look = d.lookUpNext(kind, e, now)
	case e.unknown() && e.goneSince.IsZero():
		e.look = now.Add(e.lookUnknown(now))
	case e.expectsChange():
		e.look = now.Add(e.nextLook())
		if settled := e.job.StepTime.Add(d.settle); e.job.Step == job.StepStart && settled.After(now) {
			e.look = earlier(e.look, settled)
		}
	case kind == taskRecord && e.job.State == job.Running && o.before == job.Running:
		// The list is no better informed than the look before it.
	case e.job.State == job.Running:
		e.look = now.Add(d.untilEnd(e, o, now))
	case kind == taskStart && d.leads(e) && now.Sub(d.pace.hungry) < 2*hungryWait:
		e.look = now.Add(d.setup(e) + hungryLook)
	default:
		e.look = now.Add(queuedLook)
	}
}

// expectsChange reports whether something is expected to be seen of the encoding at once.
func (e *entry) expectsChange() bool {
	return e.job.Step == job.StepStart || e.job.State == job.Cancelling || !e.goneSince.IsZero()
}

// waited counts the looks that were to see something at once and did not.
func (e *entry) waited(kind taskKind, before job.State) {
	switch {
	case !e.expectsChange() || e.job.State != before:
		e.waits = 0
	case kind == taskLook:
		e.waits++
	}
}

// predictable reports whether anything can be expected of the encoding: it is neither without
// an answer nor in a status that nobody knows.
func (e *entry) predictable() bool { return !e.unseen() && !e.unknown() }

// untilEnd is when a running encoding is expected to end: by the platform's
// estimate, else by how long others ran.
func (d *driver) untilEnd(e *entry, o outcome, now time.Time) time.Duration {
	eta := o.eta
	if d.pace.runtime == 0 && eta > 0 && !e.job.RunningTime.IsZero() {
		d.pace.runtime = max(now.Sub(e.job.RunningTime), 0) + eta // until one has ended
	}
	if eta == 0 && d.pace.runtime > 0 && !e.job.RunningTime.IsZero() {
		eta = e.job.RunningTime.Add(d.pace.runtime).Sub(now)
	}
	if eta > 0 {
		e.overdue = 0
	} else {
		e.overdue++ // it should have ended
		eta = growing(soon/2, e.overdue-10, maxPause)
		if o.eta == 0 && d.pace.runtime == 0 {
			eta = d.poll
		}
	}
	return min(max(eta+eta/50, soon/4), runningLook)
}

// progressed draws conclusions about the others from what happened to one job.
func (d *driver) progressed(before job.State, e *entry, now time.Time) {
	j := &e.job
	if before == job.Running && j.State != job.Running {
		d.pace.ran(j, now)
		d.nudge(now)
	}
	queued := before == job.Queued || before == job.Starting
	if !queued || (j.State != job.Running && j.State != job.Succeeded) || j.StartTime.IsZero() {
		return
	}
	d.pace.moved = now
	if j.RunningTime.IsZero() || j.RunningTime.Sub(j.QueuedTime) < hungryWait {
		d.pace.hungry = now
		for _, other := range d.live {
			if other.job.State == job.Queued && other.predictable() && now.Sub(other.looked) > hungryLook && !d.settingUp(other, now) {
				other.look = now
			}
		}
	}
}

// nudge has the head of our queue looked at: an encoder became free, so that it
// has probably been taken.
func (d *driver) nudge(now time.Time) {
	if head := d.head(); head != nil && head.look.After(now) && !d.settingUp(head, now) {
		head.look = now
	}
}

// head is our job that the platform takes next: the highest priority, then the
// first that was queued. A job being looked at right now is passed over, and so is one
// that the platform gives no answer about.
func (d *driver) head() *entry {
	var head *entry
	for _, e := range d.live {
		if e.job.State == job.Queued && e.task == taskNone && e.predictable() && (head == nil || d.before(&e.job, &head.job)) {
			head = e
		}
	}
	return head
}

// leads reports whether none of our queued jobs is ahead of e.
func (d *driver) leads(e *entry) bool {
	for _, other := range d.live {
		if other != e && other.job.State == job.Queued && other.predictable() && d.before(&other.job, &e.job) {
			return false
		}
	}
	return true
}

func (d *driver) before(a, b *job.Job) bool {
	if pa, pb := d.priority(a.ID.Batch), d.priority(b.ID.Batch); pa != pb {
		return pa > pb
	}
	if !a.StartTime.Equal(b.StartTime) {
		return a.StartTime.Before(b.StartTime)
	}
	return a.ID.Number < b.ID.Number
}

// watchHead keeps an eye on the head of our queue, just in case nothing else tells
// that it has gone. It returns how many of our encodings run.
func (d *driver) watchHead() (running int) {
	for _, e := range d.live {
		if e.job.State == job.Running && !e.unknown() {
			running++
		}
	}
	head := d.head()
	if head == nil {
		return running
	}
	since := d.pace.moved
	for _, t := range []time.Time{head.looked, head.job.StartTime} {
		if t.After(since) {
			since = t
		}
	}
	if next := since.Add(d.pace.justInCase(running)); next.Before(head.look) {
		head.look = next
	}
	return running
}
