package dispatcher

import (
	"math"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// jobsToPrepare is how many jobs to keep prepared, or in preparation, for a queue target: enough for
// the next few free places and for those that become free while a job is configured, and few
// enough to be discarded without regret when they are cancelled.
func jobsToPrepare(target, startedMeanwhile int) int {
	return min(max(2*target, 4), 64) + min(startedMeanwhile, 64)
}

// jobsToPrepare is how many jobs to keep prepared at the rate at which jobs are started now.
func (l *accountLoop) jobsToPrepare(now time.Time) int {
	return jobsToPrepare(l.limit.wanted, l.polls.drain.startsDuring(l.polls.drain.prepareTime, now))
}

// prepareDecision brings up to date what depends on the time: when the queue's head is polled,
// and the target.
func (l *accountLoop) prepareDecision(now time.Time) {
	running := l.jobs.countRunning()
	l.polls.scheduleQueueHead(running)
	if l.automatic && l.settings.QueueTarget == 0 {
		l.limit.setTarget(l.auto.chooseTarget(l.polls.drain, running, DefaultQueueTarget, l.queueTarget, now))
	}
	l.limit.grow(now)
}

// startsAhead is how many starts should be under way side by side: as many as may leave while one
// is answered, and one more. While the platform says that its queue is full it is one.
func (l *accountLoop) startsAhead() int {
	if l.limit.refusals > 0 || l.limit.grown {
		return 1
	}
	perSecond := float64(l.worker.readBudget(bitmovin.ClassStart).PerMinute) / 60
	return 1 + int(math.Ceil(perSecond*l.polls.drain.startTime.Seconds()))
}

// collectView collects everything on which a decision depends. It changes nothing.
func (l *accountLoop) collectView(now time.Time) view {
	v := view{
		now:           now,
		breakerClosed: l.breaker.closed(),
		probeDue:      l.breaker.probeTime,
		accountPaused: l.settings.Paused || l.dailyStarts.usedUp(),
		target:        l.limit.effective,
		fullUntil:     l.limit.fullUntil,
		countFresh:    l.queue.isFresh(now, l.pollInterval),
		foreign:       l.queue.foreign,
		countDue:      l.nextCountTime(now),
		listDue:       l.listDue,
		sweepDue:      l.reconciliation.due,
		reconciled:    l.reconciliation.done,
		reconcileSlow: now.Sub(l.reconciliation.loadTime) >= l.worker.settle,
		prepareTarget: l.jobsToPrepare(now),
		startsAhead:   l.startsAhead(),
		startPatience: max(minStartPatience, 4*l.polls.drain.startTime),
		startsToday:   l.dailyStarts.left(),
		startBudget:   l.worker.readBudget(bitmovin.ClassStart),
		createBudget:  l.worker.readBudget(bitmovin.ClassEncodingCreate),
		wantsWalk:     l.walks.wanted(l.jobs.tracked, l.worker.settle, now),
		walkDue:       l.walks.due,
		busy:          l.tasks.underWay,
	}
	v.wantsPing, v.pingDue = l.breaker.wantsPing(now)
	if l.accountBackoff.until.After(now) {
		v.prepareAfter = l.accountBackoff.until
	}
	for _, t := range l.jobs.tracked {
		if t.job.State.OnPlatform() || t.task == taskStart {
			f := l.queue.makeInFlight(t, now)
			f.wrongPriority = l.jobs.hasWrongPriority(t) && !t.notBefore.After(now)
			v.inFlight = append(v.inFlight, f)
		}
	}
	needed := l.lineNeeded(now)
	if v.reconciled { // a job can be configured or started wherever it stands
		needed += max(v.freePlaces(), 0) - l.limit.wanted
	}
	for i := range l.line.jobs {
		if len(v.candidates) >= needed {
			break
		}
		if c, waits := l.makeCandidate(&l.line.jobs[i], now); waits {
			v.candidates = append(v.candidates, c)
		}
	}
	for id, o := range l.orphans {
		v.orphans = append(v.orphans, orphan{encoding: id, task: o.task, notBefore: o.notBefore})
	}
	return v
}

// makeCandidate makes a candidate of one of the next jobs; waits is false if the loop knows that
// the job is no longer due or is being started.
func (l *accountLoop) makeCandidate(j *job.Job, now time.Time) (c candidate, waits bool) {
	if l.line.left[j.ID] {
		return c, false
	}
	c = candidate{id: j.ID, prepared: j.Prepared(), template: l.jobs.hasTemplate(j.ID.Batch), priority: l.jobs.batchPriority(j.ID.Batch)}
	c.notStarted = l.reconciliation.isNew(l.jobs.batches[j.ID.Batch])
	c.trial = l.onTrial(j.ID.Batch)
	if answer, ok := l.reconciliation.confirmations[j.ID]; ok && answer.name == l.jobs.nextEncodingName(j) {
		c.confirmed, c.notStarted = true, c.notStarted || answer.notStarted
	}
	t := l.jobs.tracked[j.ID]
	if t == nil {
		return c, true
	}
	if t.job.Version > j.Version {
		if t.job.State != job.Waiting || t.job.NextAttemptTime.After(now) {
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
	case l.queue.foreign > 0 || l.queue.onlyCountTells(l.jobs.tracked, now) || l.queue.countOwnPlaces(l.jobs.tracked, now) < l.limit.effective || l.queue.time.IsZero():
		return now
	}
	return now.Add(time.Minute) // every place is ours
}
