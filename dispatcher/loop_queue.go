package dispatcher

import (
	"context"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// finishAccountTask passes the error of a task that is not for one job to the breaker and to the
// retry counts, and returns when to begin the task again if it failed.
func (l *accountLoop) finishAccountTask(kind taskKind, err error, now time.Time) (again time.Time) {
	l.noteCall(kind, "", err, now)
	return l.retries.note(kind, err, now)
}

// spawnCount lists what is queued at the platform, ours and everybody else's.
func (l *accountLoop) spawnCount(ctx context.Context) {
	l.tasks.spawn(taskCount, func() func() {
		c, err := l.worker.countQueue(ctx)
		return func() { l.applyCount(c, err) }
	})
}

// applyCount takes over a count of the platform's queue.
func (l *accountLoop) applyCount(c queueListing, err error) {
	now := l.now()
	again := l.finishAccountTask(taskCount, err, now)
	if err != nil {
		l.queue.nextTime = again
		l.log.Warn("cannot count the platform's queue", "err", err)
		return
	}
	own := l.jobs.countUnansweredStarts(c.queued)
	l.checkCount(c)
	for _, t := range l.jobs.tracked {
		if _, t.inLastCount = c.queued[t.job.EncodingID]; t.inLastCount {
			own++
			t.leftQueue, t.unlistedCount = false, 0
			continue
		}
		if t.cannotBePolled() { // it is polled at its own pace; the count only shows that it is not there
			t.leftQueue = c.excludes(t, l.worker.settle)
			continue
		}
		if !c.partial && !t.hasUnknownStatus() && t.job.State == job.Queued && t.job.StartTime.Add(l.polls.setupTime(t)).Before(c.time) {
			t.pollIfUnlisted(now) // it has left the queue
		}
	}
	l.queue = queueCount{
		total: c.total, foreign: c.total - own, time: c.time,
		nextTime: now.Add(max(l.pollInterval, minCountInterval)), contradictions: l.queue.contradictions,
	}
	l.lastCountTime = c.time
	switch {
	case c.partial:
		l.queue.nextTime = now.Add(max(l.pollInterval, time.Duration(c.pages)*minCountInterval))
	case l.queue.foreign > 0 || l.queue.startedBeforeCount(l.jobs.tracked, now):
		l.queue.nextTime = now.Add(minCountInterval)
	}
}

// checkCount compares a count with what polls show. An encoding contradicts the count if it has
// been queued for long, was missing from the count before, and was still queued when it was
// polled after that. If counts go on being contradicted, and contain none of ours, the
// platform does not find what is queued, and its status parameter is not used any more.
func (l *accountLoop) checkCount(c queueListing) {
	contradicted, found := false, false
	for _, t := range l.jobs.tracked {
		_, listed := c.queued[t.job.EncodingID]
		found = found || listed
		if listed || !c.mustContain(t, l.polls.setupTime(t)) {
			t.missedCountTime = time.Time{}
			continue
		}
		contradicted = contradicted || !t.missedCountTime.IsZero() && !t.lastPoll.Before(t.missedCountTime)
		t.missedCountTime = c.time
	}
	switch {
	case found, c.partial:
		l.queue.contradictions = 0
	case contradicted:
		l.queue.contradictions++
	}
	if l.queue.contradictions < refusalsToBlame {
		return
	}
	l.queue.contradictions = 0
	l.tasks.run(func() func() {
		l.worker.encodings.noteFault(context.Background(), job.ParameterMisses, nil, bitmovin.ParamStatus)
		return func() {}
	})
}

// spawnPing asks the platform for a trifle, to tell an outage from single objects without an
// answer.
func (l *accountLoop) spawnPing(ctx context.Context) {
	l.tasks.spawn(taskProbe, func() func() {
		err := l.worker.ping(ctx)
		return func() {
			if l.breaker.notePing(err, l.now()) {
				l.logBreakerOpened(taskProbe, err)
			}
		}
	})
}

// spawnProbe asks the platform for a trifle, to see whether an outage is over.
func (l *accountLoop) spawnProbe(ctx context.Context) {
	l.breaker.beginProbe()
	l.tasks.spawn(taskProbe, func() func() {
		err := l.worker.ping(ctx)
		return func() {
			now := l.now()
			if l.breaker.noteProbe(err, now) {
				l.log.Info("the platform can be used again")
				l.queue.nextTime, l.reconciliation.due = now, now
			}
		}
	})
}

func (l *accountLoop) logBreakerOpened(kind taskKind, err error) {
	l.log.Error("the platform cannot be used; jobs wait and lose no attempt", "task", kind.String(), "err", err)
}

// definitionsInterval is how often the client is asked whether the platform's definitions of
// errors are out of date. The client fetches them once a day, and sooner only if they could
// not be fetched.
const definitionsInterval = time.Hour

// spawnDefinitions fetches the platform's definitions of errors. Nothing depends on them, so
// that an error is not passed to the breaker.
func (l *accountLoop) spawnDefinitions(ctx context.Context, now time.Time) {
	if !l.worker.loadsDefinitions || l.tasks.stopping || !l.breaker.closed() || l.tasks.underWay[taskDefinitions] > 0 || l.definitionsDue.After(now) {
		return
	}
	l.tasks.spawn(taskDefinitions, func() func() {
		l.worker.loadDefinitions(ctx)
		return func() { l.definitionsDue = l.now().Add(definitionsInterval) }
	})
}
