package dispatcher

import (
	"context"
	"errors"
	"time"

	"github.com/stokerd/stoker/job"
)

// stopRetryInterval is how long after a stop the platform is asked once more, should the
// encoding still be there. Each further time takes twice as long.
const stopRetryInterval = 30 * time.Second

// prepareDecision prepares a decision: the head of the queue is watched, and the target follows
// the drain.
func (d *accountLoop) prepareDecision(now time.Time) {
	running := d.watchHead()
	if d.account.AutoTarget && d.settings.QueueTarget == 0 {
		d.limit.setTarget(d.auto.chooseTarget(d.drain, running, DefaultQueueTarget, d.account.QueueTarget, now))
	}
	d.limit.grow(now)
}

// collectView collects what a decision depends on. It changes nothing.
func (d *accountLoop) collectView(now time.Time) view {
	v := view{
		now:           now,
		breakerClosed: d.breaker.closed(),
		probeDue:      d.breaker.probeTime,
		paused:        d.settings.Paused || d.dailyStartsUsedUp(),
		target:        d.limit.effective,
		fullUntil:     d.limit.fullUntil,
		countFresh:    d.queue.fresh(now, d.pollInterval),
		foreign:       d.queue.foreign,
		countDue:      d.countDue(now),
		listDue:       d.listDue,
		sweepDue:      d.sweepDue,
		reconciled:    d.reconciled,
		reconcileSlow: now.Sub(d.loadTime) >= d.settle,
		prepareTarget: jobsToPrepare(d.limit.wanted),
		busy:          d.busy,
	}
	v.wantsWalk, v.walkDue = d.wantsWalk(now), d.walkDue
	v.wantsPing, v.pingDue = d.breaker.wantsPing(now)
	if d.accountBackoff.until.After(now) {
		v.prepareAfter = d.accountBackoff.until
	}
	for _, j := range d.nextJobs {
		if c, ok := d.makeCandidate(j); ok {
			v.candidates = append(v.candidates, c)
		}
	}
	for _, e := range d.tracked {
		if e.task == taskStart && e.taskSince.After(v.startBegan) {
			v.startBegan = e.taskSince
		}
		if e.job.State.OnPlatform() || e.task == taskStart {
			s := d.makeInFlight(e, now)
			s.wrongPriority = d.hasWrongPriority(e) && !e.notBefore.After(now)
			v.inFlight = append(v.inFlight, s)
		}
	}
	for id, o := range d.orphans {
		v.orphans = append(v.orphans, orphan{encoding: id, task: o.task, notBefore: o.notBefore})
	}
	return v
}

// makeCandidate is a job of the window as the loop knows it; false if the loop knows
// that it no longer waits.
func (d *accountLoop) makeCandidate(j job.Job) (candidate, bool) {
	c := candidate{id: j.ID, prepared: j.Prepared(), template: d.hasTemplate(j.ID.Batch), notStarted: d.submittedSinceLoad(j.ID.Batch)}
	if t := d.batchBackoffs[j.ID.Batch]; t != nil && t.err != nil && !errors.Is(t.err, errNotConfigured) {
		c.trial = true
	}
	if answer, ok := d.confirmations[j.ID]; ok && answer.name == d.nextEncodingName(&j) {
		c.asked, c.notStarted = true, c.notStarted || answer.certain
	}
	e := d.tracked[j.ID]
	if e == nil {
		return c, true
	}
	if e.job.Version > j.Version {
		if e.job.State != job.Waiting || e.job.NextAttemptTime.After(d.now()) {
			return c, false
		}
		c.prepared = e.job.Prepared()
	}
	c.task, c.taskSince, c.notBefore = e.task, e.taskSince, e.notBefore
	return c, e.task != taskStart
}

func (d *accountLoop) makeInFlight(e *trackedJob, now time.Time) inFlightJob {
	j := &e.job
	return inFlightJob{
		id:            j.ID,
		state:         j.State,
		starting:      j.State == job.Starting || j.Step == job.StepStart || e.task == taskStart,
		ran:           !j.RunningTime.IsZero(),
		unknownStatus: e.hasUnknownStatus(),
		mayBeQueued:   e.hasUnknownStatus() && d.mayBeQueued(e),
		leftQueue:     e.leftQueue && e.cannotBePolled() && e.task != taskStart,
		lacksStatus:   e.lacksStatus(),
		stopRequested: e.notBefore.After(now) || j.Step == job.StepStop && now.Sub(j.StepTime) < e.stopRetryPause(),
		task:          e.task,
		pollDue:       e.nextPoll,
	}
}

// fresh reports whether the platform's queue has been counted lately enough to
// start anything by it. A count may have waited for its turn, however short the poll.
func (q queueCount) fresh(now time.Time, poll time.Duration) bool {
	return !q.time.IsZero() && now.Sub(q.time) <= 3*max(poll, 2*minCountInterval)
}

// publish makes a snapshot for people. v is nil when nothing has been decided yet.
func (d *accountLoop) publish(v *view) {
	s := job.AccountStatus{
		ID:                   d.account.ID,
		QueueTarget:          d.limit.wanted,
		EffectiveQueueTarget: d.limit.effective,
		PlatformQueuedCount:  -1,
		PreparingCount:       d.busy[taskPrepare],
		Paused:               d.settings.Paused,
		PausedReason:         d.settings.PausedReason,
		PausedSince:          d.settings.PausedSince,
		Breaker:              d.breaker.state,
		BreakerReason:        d.breaker.reason,
		BreakerSince:         d.breaker.since,
		NextProbeTime:        d.breaker.probeTime,
		MaxStartsPerDay:      d.account.MaxStartsPerDay,
		StartsTodayCount:     d.dailyStarts.Counted(),
	}
	if d.dailyStartsUsedUp() {
		s.PausedUntil = d.dayEnd()
		if !s.Paused {
			s.Paused, s.PausedReason = true, d.dailyStartsReason()
		}
	}
	if v != nil && d.limit.fullUntil.After(v.now) {
		s.QueueFullUntil = d.limit.fullUntil
	}
	s.Problem, s.Problems = d.collectProblems()
	s.Waits, s.Repeats = d.waitReasons(), d.retries.totals()
	s.Listing, s.OtherInstances = d.worker.encodings.status()
	if !d.reconciled {
		s.Listing.ComparingSince = d.loadTime
	}
	if d.reconcileErr != nil {
		s.Listing.ComparingProblem = d.reconcileErr.Error()
	}
	for _, e := range d.tracked {
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

// publishInterval is how often a status is published although the loop had no reason to.
const publishInterval = time.Second

// refresh publishes the status of the account every second until ctx ends: budgets grow
// while the loop sleeps.
func (d *accountLoop) refresh(ctx context.Context) {
	ticker := time.NewTicker(publishInterval)
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
func (d *accountLoop) snapshot() job.AccountStatus {
	s := d.status
	s.Budgets = d.budgets()
	unknown := d.account.Client.Unknown()
	s.UnknownValues, s.UnknownValueCounts = nil, map[string]int64{}
	for _, v := range unknown.List(maxUnknownValues) {
		s.UnknownValues = append(s.UnknownValues, job.UnknownValue{Kind: string(v.Kind), Value: v.Value, FirstTime: v.First, Count: v.Count})
	}
	for kind, n := range unknown.Totals() {
		s.UnknownValueCounts[string(kind)] = n
	}
	return s
}

func (d *accountLoop) budgets() (list []job.Budget) {
	for _, c := range d.account.Client.Governor().State() {
		list = append(list, job.Budget{
			Class: c.Class.String(), LimitPerMinute: c.LimitPerMinute,
			Available: c.Available, Waiting: c.Waiting, Next: c.Next, PausedUntil: c.PausedUntil,
		})
	}
	return list
}
