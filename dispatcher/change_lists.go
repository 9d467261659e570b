package dispatcher

import (
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// Where many encodings change, one list shows the changes of many: which of them run now, and which
// have ended. Each such list costs one of the 60 list calls a minute that all users of the API key
// share, and a poll one of 6,000. So lists are read only with a large queue target, where a place
// that is seen some seconds later keeps no encoder waiting, and only while they show enough. An
// encoding whose change they do not show is polled after two lists. So nothing depends on what the
// platform's parameters do.
const (
	// minListTarget is the queue target from which on changes are listed.
	minListTarget = 50
	// minListInterval is how often changes are listed at most, and minListChanges how many of them a
	// list must be expected to show. maxListChanges fit into a page, with repetitions.
	minListInterval = 1800 * time.Millisecond
	minListChanges  = 3.0
	maxListChanges  = 60
	// listPatience is how soon a list call must be possible for changes to be listed: everybody who
	// uses the API key shares these calls.
	listPatience = 3 * time.Second
	// uselessPause is how long a kind of list is not used that has missed maxMissed changes in a row.
	maxMissed    = 15
	uselessPause = 10 * time.Minute
	// endOverlap is how far a list of encodings that have ended goes back beyond the latest end that
	// is known. firstOverlap is the same before any is known, when the platform's clock is not known either.
	endOverlap   = 2 * time.Second
	firstOverlap = time.Hour
)

// changeLists says when the changes of many encodings are listed.
type changeLists struct {
	inUse     bool
	listed    [taskKinds]time.Time // when each kind of list was read last
	notBefore [taskKinds]time.Time // after a failure
	// How often each is listed. A place that is free is seen before half of the queue has drained; an
	// end may be seen when a page is full.
	takenInterval, endedInterval time.Duration
	missed                       [taskKinds]int       // changes in a row that only polls have shown
	offUntil                     [taskKinds]time.Time // not used before
	newestEnd                    time.Time            // the latest end that is known, by the platform's clock
}

// adjust decides whether changes are listed, if so many encodings are started and end each second, and
// a start takes so long. It reports whether they are listed no more.
func (c *changeLists) adjust(starts, ends float64, target int, startTime, pollInterval time.Duration, now time.Time) (ended bool) {
	before := c.inUse
	c.inUse = false
	if target >= minListTarget && c.usable(taskListTaken, now) && c.usable(taskListEnded, now) {
		seconds := func(changes, perSecond float64) time.Duration {
			return time.Duration(min(changes/max(perSecond, 0.001), pollInterval.Seconds()) * float64(time.Second))
		}
		c.takenInterval = seconds(min(float64(target)/2-starts*startTime.Seconds(), maxListChanges), starts)
		c.endedInterval = max(seconds(maxListChanges, ends), minListInterval)
		shortest, fewest := minListInterval, minListChanges
		if before { // they do not come and go with every small change
			shortest, fewest = shortest*2/3, fewest*2/3
		}
		c.inUse = c.takenInterval >= shortest && max(starts, ends)*c.takenInterval.Seconds() >= fewest
		c.takenInterval = max(c.takenInterval, minListInterval)
	}
	return before && !c.inUse
}

// usable reports whether a kind of list is of use, as far as is known.
func (c *changeLists) usable(kind taskKind, now time.Time) bool { return !c.offUntil[kind].After(now) }

// noteListed notes when a list was read, and when the next one may be read.
func (c *changeLists) noteListed(kind taskKind, at, again time.Time) {
	c.listed[kind], c.notBefore[kind] = at, again
}

// due is when to list next.
func (c *changeLists) due(kind taskKind) time.Time {
	interval := c.takenInterval
	if kind == taskListEnded {
		interval = c.endedInterval
	}
	return later(c.listed[kind].Add(interval), c.notBefore[kind])
}

// noteChanges notes how many changes a list has shown.
func (c *changeLists) noteChanges(kind taskKind, changes int) {
	if changes > 0 {
		c.missed[kind] = 0
	}
}

// noteResult notes a change that a poll has shown, and no list before.
func (c *changeLists) noteResult(r taskResult) {
	c.noteEnd(r.outcome.finishTime)
	if !c.inUse || r.kind != taskPoll {
		return
	}
	kind := taskListEnded
	switch before, after := r.before.State, r.tracked.job.State; {
	case before == job.Queued && after == job.Running:
		kind = taskListTaken
	case before != job.Running || after != job.Succeeded:
		return
	}
	if c.missed[kind]++; c.missed[kind] >= maxMissed {
		c.missed[kind], c.offUntil[kind] = 0, r.now.Add(uselessPause)
	}
}

// noteEnd notes when an encoding has ended, by the platform's clock.
func (c *changeLists) noteEnd(t time.Time) { c.newestEnd = later(c.newestEnd, t) }

// endsSince is from when on ends have to be listed.
func (c *changeLists) endsSince(now time.Time) time.Time {
	if c.newestEnd.IsZero() {
		return now.Add(-firstOverlap)
	}
	return c.newestEnd.Add(-endOverlap)
}

// delays are how much later than planned encodings are polled, by kind, so that a list may show their
// changes before.
func (c *changeLists) delays() (d [dueKinds]time.Duration) {
	if c.inUse {
		d[dueQueuedPoll], d[dueRunningPoll] = 2*c.takenInterval, 2*c.endedInterval
	}
	return d
}

// pollTime is when to poll an encoding.
func (c *changeLists) pollTime(t *trackedJob) time.Time {
	return t.nextPoll.Add(c.delays()[t.pollKind()])
}

// pollKind is the kind of the job's next poll.
func (t *trackedJob) pollKind() dueKind {
	switch {
	case t.lacksStatus():
		return dueNoStatusPoll
	case t.pollSingly, t.hasUnknownStatus(), t.expectsChange():
		return duePoll
	case t.job.State == job.Queued:
		return dueQueuedPoll
	}
	return dueRunningPoll
}

// adjustChangeLists decides whether changes are listed. Afterwards the ends of encodings have to be
// expected that were seen in lists alone.
func (l *accountLoop) adjustChangeLists(running int, now time.Time) {
	d, target := &l.polls.drain, l.limit.effective
	ends := 0.0
	if d.runtime > 0 {
		ends = float64(running) / d.runtime.Seconds()
	}
	list := l.worker.encodings
	if !list.usable(bitmovin.ParamStatus) || !list.usable(bitmovin.ParamFinishedAfter) || l.worker.readBudget(bitmovin.ClassEncodingList).Next.Sub(now) > listPatience {
		target = 0
	}
	if l.polls.changes.adjust(d.startsEachSecond(now), ends, target, d.startTime, l.pollInterval, now) {
		for _, t := range l.jobs.tracked {
			if t.job.State == job.Running && t.end.source == endUnknown && t.isPredictable() {
				l.polls.pollAt(t, now.Add(max(l.polls.forecast.untilPoll(t, remaining{}, d.runtime, now), 0)))
			}
		}
	}
}
