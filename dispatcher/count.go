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
	countPace = 3 * time.Second // never more often; as often if other people use the queue as well
	countIdle = time.Minute     // there is nothing to start
)

// newest is how many pages of encodings of any status are looked through for those that are
// queued.
const newest = 3

// counted is the platform's queue at one moment.
type counted struct {
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
func (d *driver) spawnCount(ctx context.Context) {
	d.busy[taskCount]++
	d.beside(func() func() {
		c, err := d.worker.count(ctx)
		return func() { d.counted(c, err) }
	})
}

// count lists the QUEUED encodings. The list tells ours from other people's,
// which a bare total could not. Where the platform cannot list by status, the newest
// encodings are looked through for those that are queued.
func (w *worker) count(ctx context.Context) (counted, error) {
	c := counted{time: w.now(), queued: map[string]string{}}
	query := bitmovin.ListEncodings{Status: bitmovin.StatusQueued, Limit: pageSize}
	for {
		page, err := w.listing.page(ctx, query)
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
		case others && c.pages >= newest, !others && len(c.queued) == known: // or the page repeats itself
			c.partial = true
			return c, nil
		}
	}
}

// counted takes note of the platform's queue.
func (d *driver) counted(c counted, err error) {
	now := d.now()
	d.busy[taskCount]--
	d.observe(taskCount, "", err, now)
	again := d.repeat(taskCount, err, now)
	if err != nil {
		d.queue.due = again
		d.log.Warn("cannot count the platform's queue", "err", err)
		return
	}
	own := d.unanswered(c.queued)
	d.doubt(c)
	for _, e := range d.live {
		if _, e.queued = c.queued[e.job.EncodingID]; e.queued {
			own++
			e.left, e.unlisted = false, 0
			continue
		}
		if e.unclear() { // it keeps its own pace; all that is known of it is that it is not there
			e.left = c.without(e, d.settle)
			continue
		}
		if !c.partial && !e.unknown() && e.job.State == job.Queued && e.job.StartTime.Add(d.setup(e)).Before(c.time) {
			e.lookIfUnlisted(now) // it has left the queue
		}
	}
	d.queue = queue{total: c.total, foreign: c.total - own, time: c.time, due: now.Add(max(d.poll, countPace)), doubts: d.queue.doubts}
	switch {
	case c.partial:
		d.queue.due = now.Add(max(d.poll, time.Duration(c.pages)*countPace))
	case d.queue.foreign > 0 || d.unresolved(now):
		d.queue.due = now.Add(countPace)
	}
}

// queuedLong is how long an encoding has been queued at least that a list has to show.
const queuedLong = time.Minute

// doubt compares a count with what looks at single encodings show. One that has been queued
// for long, was not in the count before, and was queued still when it was looked at after
// that, should have been in it. If that goes on, and not one of ours is counted, the
// platform does not find what is queued.
func (d *driver) doubt(c counted) {
	missed, found := false, false
	for _, e := range d.live {
		_, ok := c.queued[e.job.EncodingID]
		found = found || ok
		if e.job.State != job.Queued || ok || c.partial || e.unclear() || e.unknown() || c.time.Sub(e.job.StartTime) < queuedLong+d.setup(e) {
			e.uncounted = time.Time{}
			continue
		}
		missed = missed || !e.uncounted.IsZero() && !e.looked.Before(e.uncounted)
		e.uncounted = c.time
	}
	switch {
	case found, c.partial:
		d.queue.doubts = 0
	case missed:
		d.queue.doubts++
	}
	if d.queue.doubts < refusals {
		return
	}
	d.queue.doubts = 0
	d.beside(func() func() {
		d.worker.listing.blame(context.Background(), job.ParameterMisses, nil, bitmovin.ParamStatus)
		return func() {}
	})
}

// unanswered counts the encodings of templates whose starts have not been answered: their
// names tell that they are ours, before their ids do.
func (d *driver) unanswered(queued map[string]string) (n int) {
	for _, name := range queued {
		id, attempt, _ := provision.ParseName(name)
		e := d.live[id]
		if attempt > 0 && e != nil && e.job.EncodingID == "" && (e.task == taskStart || e.job.Step == job.StepStart) {
			n++
		}
	}
	return n
}

// countDue is when to count again. Our own encodings are followed one by one; the
// count is there for everybody else's, so that it is needed when a place may be free.
func (d *driver) countDue(now time.Time) time.Time {
	switch {
	case d.queue.due.After(now):
		return d.queue.due
	case len(d.window) == 0:
		return d.queue.time.Add(max(countIdle, d.poll))
	case d.queue.foreign > 0 || d.unseenHeld(now) || d.unsure() || d.ownHeld(now) < d.limit.effective || d.queue.time.IsZero():
		return now
	}
	return now.Add(time.Minute) // every place is ours
}

// ownHeld is how many places in the queue are ours, or may be.
func (d *driver) ownHeld(now time.Time) int {
	held := 0
	for _, e := range d.live {
		if d.standing(e, now).holds() {
			held++
		}
	}
	return held
}

// without reports whether the queue shows that an encoding holds no place in it: it was
// counted as a whole, and so long after the encoding's start that it would be there.
func (c counted) without(e *entry, settle time.Duration) bool {
	at := e.job.StartTime.Add(soon)
	if e.job.Step == job.StepStart {
		at = e.job.StepTime.Add(settle)
	}
	if !e.goneSince.IsZero() {
		at = e.goneSince.Add(settle)
	}
	name := provision.AttemptName(&e.job)
	for _, queued := range c.queued {
		if e.job.EncodingID == "" && queued == name {
			return false
		}
	}
	return c.complete && at.Before(c.time)
}

// unseenHeld reports whether an encoding that cannot be looked at may hold a place: the
// count has to tell.
func (d *driver) unseenHeld(now time.Time) bool {
	for _, e := range d.live {
		if e.unclear() && d.standing(e, now).holds() {
			return true
		}
	}
	return false
}

// unresolved reports whether an encoding that cannot be looked at counts as holding a place
// only because it was started too short a time before the count.
func (d *driver) unresolved(now time.Time) bool {
	for _, e := range d.live {
		if e.unseen() && !e.queued && e.job.Step != job.StepStart && d.standing(e, now).holds() {
			return true
		}
	}
	return false
}

// spawnPing sees whether it is the platform that gives no answer, or only something there.
func (d *driver) spawnPing(ctx context.Context) {
	d.busy[taskProbe]++
	d.beside(func() func() {
		err := d.account.Client.Ping(ctx)
		return func() {
			now := d.now()
			d.busy[taskProbe]--
			if d.breaker.pinged(err, now) {
				d.log.Error("the platform cannot be used; jobs wait and lose no attempt", "task", taskProbe.String(), "err", err)
			}
		}
	})
}

// spawnProbe sees whether the platform can be used again.
func (d *driver) spawnProbe(ctx context.Context) {
	d.busy[taskProbe]++
	d.breaker.probe()
	d.beside(func() func() {
		err := d.account.Client.Ping(ctx)
		return func() {
			now := d.now()
			d.busy[taskProbe]--
			if d.breaker.probed(err, now) {
				d.log.Info("the platform can be used again")
				d.queue.due, d.sweepDue = now, now
			}
		}
	})
}
