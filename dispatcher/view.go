package dispatcher

import (
	"cmp"
	"math"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// jobsToPrepare is how many jobs to keep prepared, or in preparation: enough for the next free places
// and for those that become free while a job is configured, and few enough that little is wasted
// when they are cancelled.
func (l *accountLoop) jobsToPrepare(now time.Time) int {
	startedMeanwhile := l.polls.drain.startsDuring(l.polls.drain.prepareTime, now)
	return min(max(2*l.limit.wanted, 4), 64) + min(startedMeanwhile, 64)
}

// prepareDecision brings up to date what depends on the time: when the queue's head is polled,
// and the target.
func (l *accountLoop) prepareDecision(now time.Time) {
	running := l.jobs.countRunning()
	l.adjustChangeLists(running, now)
	l.polls.scheduleQueueHead(running)
	l.polls.heads.poll(l.polls, now)
	l.peak.note(running, now)
	if targetInForce(l).Auto {
		l.limit.setTarget(l.auto.chooseTarget(l.polls.drain, l.peak.running, DefaultQueueTarget, l.maxTarget, true, now))
	}
	l.advice.follow(l, now)
	l.limit.grow(now)
}

// configuredTarget is how the configuration of an account sets the queue target.
func configuredTarget(a Account) job.TargetSetting {
	if a.AutoTarget {
		return job.TargetSetting{Auto: true}
	}
	return job.TargetSetting{Number: a.QueueTarget}
}

// targetInForce is how the queue target is set: by the account settings or, if they set none, by the
// configuration.
func targetInForce(l *accountLoop) job.TargetSetting { return cmp.Or(l.settings.Target, l.configured) }

// startsAhead is how many starts should be under way side by side: as many as may leave while one
// is answered, and one more. While the platform says that its queue is full it is one.
func (l *accountLoop) startsAhead() int {
	if l.limit.refusals > 0 || l.limit.grown {
		return 1
	}
	perSecond := l.worker.readBudget(bitmovin.ClassStart).PerSecond()
	return 1 + int(math.Ceil(perSecond*l.polls.drain.startTime.Seconds()))
}

// collectView collects everything on which a decision depends. It changes nothing. The view is valid
// until the next one is collected.
func (l *accountLoop) collectView(now time.Time) view {
	v := view{
		now:           now,
		breakerClosed: l.breaker.closed(),
		probeDue:      l.breaker.probeTime,
		accountPaused: l.settings.Paused || l.dailyStarts.usedUp(),
		target:        l.limit.effective,
		fullUntil:     l.limit.fullUntil,
		countFresh:    l.queue.isFresh(now, sharedInterval(l.pollInterval, l.worker.account.Client, countShare)),
		foreign:       l.queue.foreign,
		countDue:      l.nextCountTime(now),
		listDue:       l.listDue,
		listsChanges:  l.polls.changes.inUse,
		listTakenDue:  l.polls.changes.due(taskListTaken),
		listEndedDue:  l.polls.changes.due(taskListEnded),
		sweepDue:      l.reconciliation.due,
		reconciled:    l.reconciliation.done,
		reconcileSlow: now.Sub(l.reconciliation.loadTime) >= l.worker.settle,
		prepareTarget: l.jobsToPrepare(now),
		startsAhead:   l.startsAhead(),
		startPatience: l.polls.drain.startPatience(),
		startsToday:   l.dailyStarts.left(),
		places:        l.queue.countOwnPlaces(l.jobs.index),
		running:       l.jobs.countRunning() > 0,
		wantsWalk:     l.walks.wanted(l.jobs.index, l.worker.settle, now),
		walkDue:       l.walks.due,
		busy:          l.tasks.underWay,
	}
	v.wantsPing, v.pingDue = l.breaker.wantsPing(now)
	if l.accountBackoff.until.After(now) {
		v.prepareAfter = l.accountBackoff.until
	}
	for _, t := range l.jobs.index.concerned(l.tasks.room(), l.polls.changes.delays(), now) {
		f := l.jobs.makeInFlight(t, now)
		f.pollDue = l.polls.changes.pollTime(t)
		v.inFlight = append(v.inFlight, f)
	}
	v.startsLeft = l.principals.left(l.jobs.batchesOfStarts(), now)
	places := l.limit.wanted
	if v.reconciled {
		places = v.freePlaces()
	}
	v.candidates = l.candidates[:0]
	needed := l.lineNeeded(places, now)
	for j := range l.line.waiting() {
		if len(v.candidates) >= needed {
			break
		}
		if c, waits := l.makeCandidate(j, now); waits {
			v.candidates = append(v.candidates, c)
		}
	}
	l.candidates = v.candidates
	starts, creates := v.wantsCalls()
	v.startBudget, v.createBudget = l.worker.claimBudget(bitmovin.ClassStart, starts), l.worker.claimBudget(bitmovin.ClassEncodingCreate, creates)
	for id, o := range l.orphans {
		v.orphans = append(v.orphans, orphan{encoding: id, task: o.task, notBefore: o.notBefore})
	}
	return v
}

// lineNeeded is how many waiting jobs a decision may have to do with while so many places are free:
// those to be prepared, those to be started, and those that are passed over. Once the platform has
// been compared with the job table, any job can be prepared and started where it stands.
func (l *accountLoop) lineNeeded(places int, now time.Time) int {
	if l.reconciliation.done {
		places = min(places, l.startsAhead())
	}
	return l.jobsToPrepare(now) + max(places, 0) + l.jobs.countBackedOff(now)
}

// wantsCalls reports whether calls that start what is prepared, and calls that create encodings, would be
// made if the budget let them.
func (v view) wantsCalls() (starts, creates bool) {
	if v.accountPaused || !v.breakerClosed {
		return false, false
	}
	free := v.freePlaces() > 0
	for _, c := range v.candidates {
		switch {
		case c.isReady() && c.template:
			creates = creates || free
		case c.isReady():
			starts = starts || free
		case c.task == taskNone: // it has to be configured
			creates = true
		}
	}
	return starts, creates
}

// makeCandidate makes a candidate of one of the next jobs; waits is false if the loop knows that
// the job is no longer due or is being started.
func (l *accountLoop) makeCandidate(j *job.Job, now time.Time) (c candidate, waits bool) {
	c = candidate{id: j.ID, prepared: j.Prepared()}
	if b := l.jobs.batches[j.ID.Batch]; b != nil {
		c.principal, c.template, c.priority, c.notStarted = b.CreatedBy, b.Template != nil, b.Priority, l.reconciliation.isNew(b)
		c.trial = l.batchBackoffs.onTrial(b.ID, l.provenBatches.isProven(b))
	}
	if answer, ok := l.reconciliation.confirmations[j.ID]; ok && answer.name == l.jobs.nextEncodingName(j) {
		c.confirmed, c.notStarted = true, c.notStarted || answer.notStarted
	}
	t := l.jobs.tracked[j.ID]
	if t == nil {
		return c, true
	}
	if t.job.Version > j.Version {
		if t.job.State != job.Waiting || t.job.IsBackingOff(now) {
			return c, false
		}
		c.prepared = t.job.Prepared()
	}
	c.task, c.taskSince, c.notBefore = t.task, t.taskSince, t.notBefore
	return c, t.task != taskStart
}

// nextCountTime is when to count the queue next. Our own encodings are polled one by one; the
// count is for other people's, so that it is needed only when a place may be free.
func (l *accountLoop) nextCountTime(now time.Time) time.Time {
	switch {
	case l.queue.nextTime.After(now):
		return l.queue.nextTime
	case l.line.count() == 0:
		return l.queue.time.Add(max(idleCountInterval, l.pollInterval))
	case l.queue.foreign > 0 || l.queue.onlyCountTells(l.jobs.index) || l.queue.countOwnPlaces(l.jobs.index) < l.limit.effective || l.queue.time.IsZero():
		return now
	}
	return now.Add(time.Minute) // every place is ours
}
