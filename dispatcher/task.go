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
	taskLook
	taskCount
	taskPrepare
	taskDelete
	taskSweep
	taskList
	taskRecord
	taskReprioritize
	taskDefine
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
	// platform is how the platform's call ended, nil included, for the breaker.
	// It says nothing if no call was made.
	platform error
	called   bool
	// store is set if the job table refused a change.
	store error
	// before is the job's state when the task began.
	before job.State
	// eta is when the encoding is expected to end; zero if unknown.
	eta time.Duration
	// setup is how long the platform took to queue what a template made; zero if unknown.
	setup time.Duration
	// missing is set if the platform says that it has no such encoding.
	missing bool
	// elsewhere is set if the encoding could be read, though not its status.
	elsewhere bool
	// confirmation is what the platform showed of a job that waits.
	confirmation confirmation
	// foreign is trouble with something all jobs share, for example a storage.
	foreign error
	// unsettled is what the platform answered if that settled nothing, though it may be no
	// outage: the same has to be asked again.
	unsettled error
}

// trouble is an error that is not the job's fault and after which it is tried again.
func (o outcome) trouble() error {
	switch {
	case o.store != nil && !errors.Is(o.store, job.ErrConflict):
		return o.store
	case o.platform != nil && (bitmovin.Outage(o.platform) || bitmovin.QueueFull(o.platform)):
		return o.platform
	case o.unsettled != nil:
		return o.unsettled
	}
	return o.foreign
}

// spawn runs a task for a job. The loop hears of its end.
func (d *driver) spawn(ctx context.Context, kind taskKind, id job.ID, now time.Time, do func(context.Context, entry) outcome) {
	if d.stopping {
		return
	}
	b, err := d.batch(ctx, id.Batch)
	if err != nil {
		d.log.Error("cannot read a batch", "batch", id.Batch, "err", err)
		return
	}
	e := d.live[id]
	if e == nil {
		e = &entry{job: d.waiting(id), priority: unknownPriority}
		d.live[id] = e
	}
	e.task, e.since, e.batch, e.setbacks = kind, now, b, 0
	if t := d.problems[b.ID]; t != nil {
		e.setbacks = t.times
	}
	e.list, e.listed = d.walks.says(e, d.settle), d.walks.names[provision.AttemptName(&e.job)]
	d.busy[kind]++
	snapshot := *e
	d.beside(func() func() {
		o := do(ctx, snapshot)
		return func() { d.finished(kind, id, o) }
	})
}

// waiting finds a job in the window.
func (d *driver) waiting(id job.ID) job.Job {
	for _, j := range d.window {
		if j.ID == id {
			return j
		}
	}
	return job.Job{ID: id}
}

// finished takes note of what came of a job's task.
func (d *driver) finished(kind taskKind, id job.ID, o outcome) {
	now := d.now()
	d.busy[kind]--
	e := d.live[id]
	e.task = taskNone
	before, encoding := e.job.State, e.job.EncodingID
	o.before = before
	if o.called {
		d.observe(kind, objectOf(e), o.platform, now)
	}
	switch trouble := o.trouble(); {
	case trouble != nil:
		d.again.total[kind]++
		e.met(kind, trouble, now)
		if e.unseen() && e.failures == 1 && d.standing(e, now).holds() {
			d.queue.due = now // which tells whether it still holds a place
		}
		d.stale.window = d.stale.window || e.job.State == job.Waiting // others go first meanwhile
		d.log.Warn("will be tried again", "task", kind.String(), "job", id.String(), "err", trouble, "failures", e.failures)
	default:
		e.settled(kind, o.job.Version > 0 && o.job.State != before)
	}
	if bitmovin.Unauthorized(o.platform) {
		e.forbidden++
	} else if o.called && o.foreign == nil {
		e.forbidden = 0
	}
	if o.store != nil {
		d.stale.live = true // it may have written what it did not acknowledge
	}
	if kind == taskStart {
		d.stale.starts = true
	}
	if kind == taskConfirm && o.trouble() == nil {
		d.confirmed[id] = o.confirmation
	}
	e.told(kind, o)
	d.learn(kind, e, o, now)
	if o.job.Version > 0 {
		d.adopt(o.job, now)
	}
	if e.job.EncodingID != encoding {
		d.stale.window = true // which says whether a job is configured
	}
	d.schedule(kind, e, o, now)
	d.moved(before, e, now)
}

// objectOf is what a job's calls are about, for the breaker.
func objectOf(e *entry) string { return cmp.Or(e.job.EncodingID, e.job.ID.String()) }

// observe tells the breaker how a call about an object ended; by default it is about the
// account as a whole.
func (d *driver) observe(kind taskKind, object string, err error, now time.Time) {
	if d.breaker.observe(cmp.Or(object, kind.String()), err, now) {
		d.log.Error("the platform cannot be used; jobs wait and lose no attempt", "task", kind.String(), "err", err)
	}
}

// learn takes note of what a task says about the account.
func (d *driver) learn(kind taskKind, e *entry, o outcome, now time.Time) {
	switch {
	case kind == taskStart && bitmovin.QueueFull(o.platform):
		d.limit.full(d.queue.foreign+d.ownHeld(now), now)
		d.queue.due = now
		e.settled(kind, false) // the limit says when to go on
		d.log.Info("the platform's queue is full", "effective_target", d.limit.effective, "until", d.limit.fullUntil)
	case errors.Is(o.foreign, errOtherOrganisation):
		d.problem.met(o.foreign, now)
	case o.foreign != nil && kind != taskLook:
		d.setAside(e.batch.ID, o.foreign, now)
	case kind == taskPrepare && bitmovin.Ambiguous(o.platform):
		d.lostPrepare(e.batch.ID, now)
	case kind == taskStart && o.called && o.platform == nil:
		d.limit.accepted()
		d.pace.called(now.Sub(e.since))
		delete(d.problems, e.batch.ID)
	case kind == taskPrepare && o.called && o.platform == nil:
		delete(d.problems, e.batch.ID)
		d.problem = trouble{}
	case kind == taskLook && o.called && o.platform == nil && o.foreign == nil:
		d.problem = trouble{}
	}
	if kind == taskLook && o.job.State == job.Waiting && o.job.Attempt < e.job.Attempt {
		d.setAside(e.batch.ID, errNotStarted, now) // it would hold a place again for as long
	}
}

// moved notes what a changed job makes necessary.
func (d *driver) moved(before job.State, e *entry, now time.Time) {
	after := e.job.State
	if after == job.Waiting || after == job.Cancelled {
		d.stale.orphans = true
	}
	if before != after || e.job.Prepared() {
		d.stale.window = true
	}
	d.progressed(before, e, now)
	d.release(e.job.ID)
}

// release forgets a job with which there is nothing more to do.
func (d *driver) release(id job.ID) {
	e := d.live[id]
	j := &e.job
	if e.task != taskNone || j.State.OnPlatform() || j.Prepared() || e.notBefore.After(d.now()) {
		return
	}
	delete(d.live, id)
}
