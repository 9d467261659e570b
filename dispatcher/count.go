package dispatcher

import (
	"context"
	"slices"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// How often the platform's queue is counted. Counting costs one of 60 calls a
// minute that all users of the key share.
const (
	minCountInterval  = 3 * time.Second // never more often; as often if other people use the queue as well
	idleCountInterval = time.Minute     // there is nothing to start
)

// maxUnfilteredPages is how many pages of encodings of any status are looked through for those that are
// queued.
const maxUnfilteredPages = 3

// queueListing is the platform's queue at one moment.
type queueListing struct {
	time   time.Time         // before the call: what starts later is not in it
	queued map[string]string // names by id
	total  int
	pages  int
	// complete says that the whole queue was listed: what is missing is not in it.
	complete bool
	// partial says that the list was not one of queued encodings, or not all of it was read.
	partial bool
}

// spawnCount lists what is queued at the platform, ours and everybody else's.
func (d *accountLoop) spawnCount(ctx context.Context) {
	d.busy[taskCount]++
	d.runTask(func() func() {
		c, err := d.worker.countQueue(ctx)
		return func() { d.applyCount(c, err) }
	})
}

// countQueue lists the QUEUED encodings. The list tells ours from other people's,
// which a bare total could not. Where the platform cannot list by status, the newest
// encodings are looked through for those that are queued.
func (w *worker) countQueue(ctx context.Context) (queueListing, error) {
	c := queueListing{time: w.now(), queued: map[string]string{}}
	query := bitmovin.ListEncodings{Status: bitmovin.StatusQueued, Limit: pageSize}
	for {
		page, err := w.encodings.listPage(ctx, query)
		if c.pages > 0 && (bitmovin.Unsupported(err) || bitmovin.Ambiguous(err)) {
			c.partial = true
			return c, nil // it takes no offset
		}
		if err != nil {
			return c, err
		}
		c.pages++
		known := len(c.queued)
		others := slices.ContainsFunc(page.Items, func(e bitmovin.Encoding) bool {
			return e.Status.Known() && e.Status != bitmovin.StatusQueued
		})
		for _, e := range page.Items {
			// What a list of queued encodings has is counted by the platform, whatever it calls it.
			if e.Status == bitmovin.StatusQueued || !others && !e.Status.Known() {
				c.queued[string(e.ID)] = e.Name
			}
		}
		c.total = max(c.total, len(c.queued))
		if page.TotalKnown && !others {
			c.total = max(c.total, int(page.Total))
		}
		query.Offset += len(page.Items)
		c.partial = c.partial || others
		switch {
		case !page.More():
			c.complete = !c.partial
			return c, nil
		case query.Offset >= job.MaxQueueTarget:
			return c, nil
		case others && c.pages >= maxUnfilteredPages, !others && len(c.queued) == known: // or the page repeats itself
			c.partial = true
			return c, nil
		}
	}
}

// applyCount takes note of the platform's queue.
func (d *accountLoop) applyCount(c queueListing, err error) {
	now := d.now()
	d.busy[taskCount]--
	d.noteCall(taskCount, "", err, now)
	again := d.noteTaskEnd(taskCount, err, now)
	if err != nil {
		d.queue.nextTime = again
		d.log.Warn("cannot count the platform's queue", "err", err)
		return
	}
	own := d.countUnansweredStarts(c.queued)
	d.checkCount(c)
	for _, e := range d.tracked {
		if _, e.inLastCount = c.queued[e.job.EncodingID]; e.inLastCount {
			own++
			e.leftQueue, e.unlistedCount = false, 0
			continue
		}
		if e.cannotBePolled() { // it keeps its own pace; all that is known of it is that it is not there
			e.leftQueue = c.excludes(e, d.settle)
			continue
		}
		if !c.partial && !e.hasUnknownStatus() && e.job.State == job.Queued && e.job.StartTime.Add(d.setupTime(e)).Before(c.time) {
			e.pollIfUnlisted(now) // it has left the queue
		}
	}
	d.queue = queueCount{total: c.total, foreign: c.total - own, time: c.time, nextTime: now.Add(max(d.pollInterval, minCountInterval)), contradictions: d.queue.contradictions}
	switch {
	case c.partial:
		d.queue.nextTime = now.Add(max(d.pollInterval, time.Duration(c.pages)*minCountInterval))
	case d.queue.foreign > 0 || d.startedBeforeCount(now):
		d.queue.nextTime = now.Add(minCountInterval)
	}
}

// listedAfter is how long an encoding has been queued at least that a list has to show.
const listedAfter = time.Minute

// checkCount compares a count with what looks at single encodings show. One that has been queued
// for long, was not in the count before, and was queued still when it was looked at after
// that, should have been in it. If that goes on, and not one of ours is counted, the
// platform does not find what is queued.
func (d *accountLoop) checkCount(c queueListing) {
	missed, found := false, false
	for _, e := range d.tracked {
		_, ok := c.queued[e.job.EncodingID]
		found = found || ok
		if e.job.State != job.Queued || ok || c.partial || e.cannotBePolled() || e.hasUnknownStatus() || c.time.Sub(e.job.StartTime) < listedAfter+d.setupTime(e) {
			e.missedCountTime = time.Time{}
			continue
		}
		missed = missed || !e.missedCountTime.IsZero() && !e.lastPoll.Before(e.missedCountTime)
		e.missedCountTime = c.time
	}
	switch {
	case found, c.partial:
		d.queue.contradictions = 0
	case missed:
		d.queue.contradictions++
	}
	if d.queue.contradictions < refusalsToBlame {
		return
	}
	d.queue.contradictions = 0
	d.runTask(func() func() {
		d.worker.encodings.noteFault(context.Background(), job.ParameterMisses, nil, bitmovin.ParamStatus)
		return func() {}
	})
}

// countUnansweredStarts counts the encodings of templates whose starts have not been answered: their
// names tell that they are ours, before their ids do.
func (d *accountLoop) countUnansweredStarts(queued map[string]string) (n int) {
	for _, name := range queued {
		id, attempt, _ := provision.ParseName(name)
		e := d.tracked[id]
		if attempt > 0 && e != nil && e.job.EncodingID == "" && (e.task == taskStart || e.job.Step == job.StepStart) {
			n++
		}
	}
	return n
}

// countDue is when to count again. Our own encodings are followed one by one; the
// count is there for everybody else's, so that it is needed when a place may be free.
func (d *accountLoop) countDue(now time.Time) time.Time {
	switch {
	case d.queue.nextTime.After(now):
		return d.queue.nextTime
	case len(d.nextJobs) == 0:
		return d.queue.time.Add(max(idleCountInterval, d.pollInterval))
	case d.queue.foreign > 0 || d.mayHoldWithoutStatus(now) || d.mayHoldUnknownStatus() || d.countOwnPlaces(now) < d.limit.effective || d.queue.time.IsZero():
		return now
	}
	return now.Add(time.Minute) // every place is ours
}

// countOwnPlaces is how many places in the queue are ours, or may be.
func (d *accountLoop) countOwnPlaces(now time.Time) int {
	held := 0
	for _, e := range d.tracked {
		if d.makeInFlight(e, now).holdsPlace() {
			held++
		}
	}
	return held
}

// excludes reports whether the queue shows that an encoding holds no place in it: it was
// counted as a whole, and so long after the encoding's start that it would be there.
func (c queueListing) excludes(e *trackedJob, settle time.Duration) bool {
	at := e.job.StartTime.Add(changePoll)
	if e.job.Step == job.StepStart {
		at = e.job.StepTime.Add(settle)
	}
	if !e.missingSince.IsZero() {
		at = e.missingSince.Add(settle)
	}
	name := provision.AttemptName(&e.job)
	for _, queued := range c.queued {
		if e.job.EncodingID == "" && queued == name {
			return false
		}
	}
	return c.complete && at.Before(c.time)
}

// mayHoldWithoutStatus reports whether an encoding that cannot be looked at may hold a place: the
// count has to tell.
func (d *accountLoop) mayHoldWithoutStatus(now time.Time) bool {
	for _, e := range d.tracked {
		if e.cannotBePolled() && d.makeInFlight(e, now).holdsPlace() {
			return true
		}
	}
	return false
}

// startedBeforeCount reports whether an encoding that cannot be looked at counts as holding a place
// only because it was started too short a time before the count.
func (d *accountLoop) startedBeforeCount(now time.Time) bool {
	for _, e := range d.tracked {
		if e.lacksStatus() && !e.inLastCount && e.job.Step != job.StepStart && d.makeInFlight(e, now).holdsPlace() {
			return true
		}
	}
	return false
}

// spawnPing sees whether it is the platform that gives no answer, or only something there.
func (d *accountLoop) spawnPing(ctx context.Context) {
	d.busy[taskProbe]++
	d.runTask(func() func() {
		err := d.account.Client.Ping(ctx)
		return func() {
			now := d.now()
			d.busy[taskProbe]--
			if d.breaker.notePing(err, now) {
				d.log.Error("the platform cannot be used; jobs wait and lose no attempt", "task", taskProbe.String(), "err", err)
			}
		}
	})
}

// spawnProbe sees whether the platform can be used again.
func (d *accountLoop) spawnProbe(ctx context.Context) {
	d.busy[taskProbe]++
	d.breaker.beginProbe()
	d.runTask(func() func() {
		err := d.account.Client.Ping(ctx)
		return func() {
			now := d.now()
			d.busy[taskProbe]--
			if d.breaker.noteProbe(err, now) {
				d.log.Info("the platform can be used again")
				d.queue.nextTime, d.sweepDue = now, now
			}
		}
	})
}
