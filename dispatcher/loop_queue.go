package dispatcher

import (
	"context"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// spawnCount lists the encodings that are queued at the platform, ours and other people's.
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
		l.log.Info("cannot count the platform's queue", "err", err)
		return
	}
	own := l.jobs.countUnansweredStarts(c.queued)
	l.checkCount(c)
	for _, t := range l.jobs.tracked {
		_, t.inLastCount = c.queued[t.job.EncodingID]
		switch {
		case t.inLastCount:
			own++
			t.leftQueue, t.unlistedCount = false, 0
		case t.cannotBePolled(): // polled at its own pace; the count only shows that it is not queued
			t.leftQueue = c.excludes(t, l.worker.settle)
		case !c.partial && !t.hasUnknownStatus() && t.job.State == job.Queued && t.job.StartTime.Add(l.polls.setupTime(t)).Before(c.time):
			t.pollIfUnlisted(now) // the encoding has left the queue
			l.jobs.refresh(t)
		}
	}
	interval := sharedInterval(l.pollInterval, l.worker.account.Client, countShare)
	l.queue = queueCount{
		total: c.total, foreign: c.total - own, time: c.time,
		nextTime: now.Add(max(interval, minCountInterval)), contradictions: l.queue.contradictions,
	}
	l.lastCountTime = c.time
	switch {
	case c.partial:
		l.queue.nextTime = now.Add(max(l.pollInterval, time.Duration(c.pages)*minCountInterval))
	case c.pages == 1 && !l.queue.isFresh(now, interval):
		l.queue.nextTime = now // it has waited so long for its share of the list calls that it permits no start
	case l.queue.foreign > 0 || l.queue.startedBeforeCount(l.jobs.index):
		l.queue.nextTime = now.Add(minCountInterval)
	}
}

// checkCount compares a count with what polls show. An encoding contradicts the count if it has
// been queued for long, was missing from the previous count, and was still queued when it was
// polled after that. If refusalsToBlame counts in a row are contradicted, and contain none of our
// encodings, the platform does not find what is queued, and its status parameter is not used any
// more.
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
