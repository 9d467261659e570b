package dispatcher

import (
	"context"
	"errors"
	"time"

	"github.com/stokerd/stoker/job"
)

// stopAgain is how long after a stop the platform is asked once more, should the
// encoding still be there. Each further time takes twice as long.
const stopAgain = 30 * time.Second

// attend prepares a decision: the head of the queue is watched, and the target follows
// the drain.
func (d *driver) attend(now time.Time) {
	running := d.watchHead()
	if d.account.AutoTarget && d.paused.QueueTarget == 0 {
		d.limit.aim(d.auto.choose(d.pace, running, DefaultQueueTarget, d.account.QueueTarget, now))
	}
	d.limit.grow(now)
}

// view collects what a decision depends on. It changes nothing.
func (d *driver) view(now time.Time) view {
	v := view{
		now:       now,
		working:   d.breaker.closed(),
		probe:     d.breaker.nextProbe,
		paused:    d.paused.Paused || d.ceilingReached(),
		target:    d.limit.effective,
		fullUntil: d.limit.fullUntil,
		counted:   d.queue.fresh(now, d.poll),
		foreign:   d.queue.foreign,
		countDue:  d.countDue(now),
		listDue:   d.listDue,
		sweepDue:  d.sweepDue,
		swept:     d.swept,
		slow:      now.Sub(d.loaded) >= d.settle,
		prepare:   aheadOf(d.limit.wanted),
		busy:      d.busy,
	}
	v.missing, v.walkDue = d.walkWanted(now), d.walkDue
	v.doubt, v.pingDue = d.breaker.doubts(now)
	if d.problem.until.After(now) {
		v.prepareAfter = d.problem.until
	}
	for _, j := range d.window {
		if c, ok := d.candidate(j); ok {
			v.window = append(v.window, c)
		}
	}
	for _, e := range d.live {
		if e.task == taskStart && e.since.After(v.started) {
			v.started = e.since
		}
		if e.job.State.OnPlatform() || e.task == taskStart {
			s := d.standing(e, now)
			s.moved = d.misplaced(e) && !e.notBefore.After(now)
			v.live = append(v.live, s)
		}
	}
	for id, o := range d.orphans {
		v.orphans = append(v.orphans, orphan{encoding: id, task: o.task, notBefore: o.notBefore})
	}
	return v
}

// candidate is a job of the window as the loop knows it; false if the loop knows
// that it no longer waits.
func (d *driver) candidate(j job.Job) (candidate, bool) {
	c := candidate{id: j.ID, prepared: j.Prepared(), template: d.templated(j.ID.Batch), certain: d.recent(j.ID.Batch)}
	if t := d.problems[j.ID.Batch]; t != nil && t.err != nil && !errors.Is(t.err, errNotConfigured) {
		c.trial = true
	}
	if answer, ok := d.confirmed[j.ID]; ok && answer.name == d.nextName(&j) {
		c.asked, c.certain = true, c.certain || answer.certain
	}
	e := d.live[j.ID]
	if e == nil {
		return c, true
	}
	if e.job.Version > j.Version {
		if e.job.State != job.Waiting || e.job.NextAttemptTime.After(d.now()) {
			return c, false
		}
		c.prepared = e.job.Prepared()
	}
	c.task, c.since, c.notBefore = e.task, e.since, e.notBefore
	return c, e.task != taskStart
}

func (d *driver) standing(e *entry, now time.Time) standing {
	j := &e.job
	return standing{
		id:       j.ID,
		state:    j.State,
		starting: j.State == job.Starting || j.Step == job.StepStart || e.task == taskStart,
		ran:      !j.RunningTime.IsZero(),
		unknown:  e.unknown(),
		counted:  e.unknown() && d.counts(e),
		left:     e.left && e.unclear() && e.task != taskStart,
		unseen:   e.unseen(),
		stopped:  e.notBefore.After(now) || j.Step == job.StepStop && now.Sub(j.StepTime) < e.stopAgain(),
		task:     e.task,
		look:     e.look,
	}
}

// fresh reports whether the platform's queue has been counted lately enough to
// start anything by it. A count may have waited for its turn, however short the poll.
func (q queue) fresh(now time.Time, poll time.Duration) bool {
	return !q.time.IsZero() && now.Sub(q.time) <= 3*max(poll, 2*countPace)
}

// publish makes a snapshot for people. v is nil when nothing has been decided yet.
func (d *driver) publish(v *view) {
	s := job.AccountStatus{
		ID:                   d.account.ID,
		QueueTarget:          d.limit.wanted,
		EffectiveQueueTarget: d.limit.effective,
		PlatformQueuedCount:  -1,
		PreparingCount:       d.busy[taskPrepare],
		Paused:               d.paused.Paused,
		PausedReason:         d.paused.PausedReason,
		PausedSince:          d.paused.PausedSince,
		Breaker:              d.breaker.state,
		BreakerReason:        d.breaker.reason,
		BreakerSince:         d.breaker.since,
		NextProbeTime:        d.breaker.nextProbe,
		MaxStartsPerDay:      d.account.MaxStartsPerDay,
		StartsTodayCount:     d.starts.Counted(),
	}
	if d.ceilingReached() {
		s.PausedUntil = d.dayEnds()
		if !s.Paused {
			s.Paused, s.PausedReason = true, d.ceilingReason()
		}
	}
	if v != nil && d.limit.fullUntil.After(v.now) {
		s.QueueFullUntil = d.limit.fullUntil
	}
	s.Problem, s.Problems = d.problemsNow()
	s.Waits, s.Repeats = d.waitsOf(), d.again.totals()
	s.Listing, s.OtherInstances = d.worker.listing.status()
	if !d.swept {
		s.Listing.ComparingSince = d.loaded
	}
	if d.comparing != nil {
		s.Listing.ComparingProblem = d.comparing.Error()
	}
	for _, e := range d.live {
		switch {
		case e.task == taskStart: // its state is known when the call has been answered
			s.StartingCount++
		case e.job.State == job.Queued:
			s.QueuedCount++
		case e.job.State == job.Running:
			s.RunningCount++
		case e.job.State == job.Starting:
			s.StartingCount++
		case e.job.State == job.Cancelling:
			s.CancellingCount++
		case e.job.Prepared():
			s.PreparedCount++
		}
	}
	d.describe(&s, v)
	d.publishing.Lock()
	defer d.publishing.Unlock()
	d.status = s
	d.store.PublishAccountStatus(d.snapshot())
}

// refreshEvery is how often a status is published although the loop had no reason to.
const refreshEvery = time.Second

// refresh publishes the status of the account every second until ctx ends: budgets grow
// while the loop sleeps.
func (d *driver) refresh(ctx context.Context) {
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			d.publishing.Lock()
			d.store.PublishAccountStatus(d.snapshot())
			d.publishing.Unlock()
		}
	}
}

// snapshot is the latest status of the loop, with the budgets as they are right now.
func (d *driver) snapshot() job.AccountStatus {
	s := d.status
	s.Budgets = d.budgets()
	unknown := d.account.Client.Unknown()
	s.UnknownValues, s.UnknownValueCounts = nil, map[string]int64{}
	for _, v := range unknown.List(maxUnknownShown) {
		s.UnknownValues = append(s.UnknownValues, job.UnknownValue{Kind: string(v.Kind), Value: v.Value, FirstTime: v.First, Count: v.Count})
	}
	for kind, n := range unknown.Totals() {
		s.UnknownValueCounts[string(kind)] = n
	}
	return s
}

func (d *driver) budgets() (list []job.Budget) {
	for _, c := range d.account.Client.Governor().State() {
		list = append(list, job.Budget{
			Class: c.Class.String(), LimitPerMinute: c.LimitPerMinute,
			Available: c.Available, Waiting: c.Waiting, Next: c.Next, PausedUntil: c.PausedUntil,
		})
	}
	return list
}
