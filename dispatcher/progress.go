package dispatcher

import (
	"context"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

const (
	// pageSize is how many encodings one call lists.
	pageSize = 100
	// listPace is the time to allow for each page, so that listing what runs takes
	// less than half of the calls that all users of the key share.
	listPace = 2500 * time.Millisecond
	// lookPace is the same for looks at single encodings.
	lookPace = 25 * time.Millisecond
)

// listed is what one pass over the running encodings showed.
type listed struct {
	time    time.Time // before the first call
	running map[string]job.Observation
	length  int
}

// spawnList lists our running encodings: one call tells the progress of a hundred,
// and who is missing from the list has ended. Where the platform cannot list by status,
// each of them is looked at instead.
func (d *driver) spawnList(ctx context.Context) {
	if !d.worker.listing.usable(bitmovin.ParamStatus) {
		d.lookAtRunning(d.now())
		return
	}
	d.busy[taskList]++
	d.beside(func() func() {
		l, err := d.worker.list(ctx)
		return func() { d.listed(ctx, l, err) }
	})
}

// lookAtRunning has all that runs looked at, in less than half of the calls that there are
// for it.
func (d *driver) lookAtRunning(now time.Time) {
	running := 0
	for _, e := range d.live {
		if e.job.State == job.Running {
			running++
			if e.look.After(now) {
				e.look = now
			}
		}
	}
	d.listDue = now.Add(max(d.poll, time.Duration(running)*lookPace))
}

func (w *worker) list(ctx context.Context) (listed, error) {
	l := listed{time: w.now(), running: map[string]job.Observation{}}
	query := bitmovin.ListEncodings{Status: bitmovin.StatusRunning, SkipTotalCount: true}
	if w.listing.usable(bitmovin.ParamSearch) {
		query.Search = w.listing.search()
	}
	err := w.listing.raw(ctx, query, func(e bitmovin.Encoding) (bool, error) {
		l.length++
		if e.Status.Known() && e.Status != bitmovin.StatusRunning {
			// Once the platform has refused to select by status, the list has no end.
			return l.length >= job.MaxQueueTarget && !w.listing.usable(bitmovin.ParamStatus), nil
		}
		l.running[string(e.ID)] = listedObservation(e)
		return false, nil
	})
	return l, err
}

// listed records progress and has a closer look at what is missing.
func (d *driver) listed(ctx context.Context, l listed, err error) {
	now := d.now()
	d.busy[taskList]--
	d.observe(taskList, "", err, now)
	again := d.repeat(taskList, err, now)
	d.listDue = later(again, now.Add(max(d.poll, time.Duration(1+l.length/pageSize)*listPace)))
	if err != nil {
		d.log.Warn("cannot list what runs", "err", err)
		return
	}
	for id, e := range d.live {
		if !e.job.UpdateTime.Before(l.time) {
			continue // the list may speak of a run before the latest start
		}
		seen, ok := l.running[e.job.EncodingID]
		if ok {
			e.unlisted = 0
		}
		switch {
		case ok && e.task == taskNone && e.job.State.OnPlatform() && (e.job.State != job.Running || seen.Progress > e.job.Progress):
			d.spawn(ctx, taskRecord, id, now, func(ctx context.Context, e entry) outcome {
				j, err := d.worker.record(ctx, e, seen)
				return outcome{job: j, store: err, eta: extrapolate(seen, l.time)}
			})
		case !ok && e.job.State == job.Running && !e.unknown():
			e.lookIfUnlisted(now)
		}
	}
}

// extrapolate guesses from the progress when an encoding ends: lists tell no estimate.
func extrapolate(o job.Observation, now time.Time) time.Duration {
	if o.Progress < 5 || o.RunningAt.IsZero() {
		return 0
	}
	return now.Sub(o.RunningAt) * time.Duration(200-2*o.Progress-1) / time.Duration(2*o.Progress+1) // it is rounded down
}
